//! What somebody may do, as types: a function that needs a permission takes it, so forgetting it does not compile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of act.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Look at everything but secrets.
    Look,
    /// The acts of every day, which can be undone: reclaim a seat, carry requests and answers.
    Handle,
    /// What keys are there and what they grant: install, activate, remove; at the authority mint and issue.
    Keys,
    /// How the server behaves.
    Settings,
    /// Who may do what.
    Accounts,
}

/// What somebody is, as a set of permissions with a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, handles and works with keys.
    Operator,
    /// May do everything.
    Administrator,
}

impl Permission {
    /// All of them.
    pub const ALL: [Permission; 5] =
        [Permission::Look, Permission::Handle, Permission::Keys, Permission::Settings, Permission::Accounts];

    /// Its name, as a scope of a token.
    pub fn name(self) -> &'static str {
        match self {
            Permission::Look => "look",
            Permission::Handle => "handle",
            Permission::Keys => "keys",
            Permission::Settings => "settings",
            Permission::Accounts => "accounts",
        }
    }
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Administrator];

    /// What it includes.
    pub fn permissions(self) -> &'static [Permission] {
        match self {
            Role::Viewer => &[Permission::Look],
            Role::Operator => &[Permission::Look, Permission::Handle, Permission::Keys],
            Role::Administrator => &Permission::ALL,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Permission, String> {
        let found = Permission::ALL.into_iter().find(|permission| permission.name() == text);
        found.ok_or_else(|| {
            format!("{text:?} is no permission (there are {})", Permission::ALL.map(Permission::name).join(", "))
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let found = Role::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("{text:?} is no role (there are {})", Role::ALL.map(Role::name).join(", ")))
    }
}

/// A permission as a type.
pub trait Needs: Clone + Copy + fmt::Debug + Send + Sync + 'static {
    /// Which one.
    const PERMISSION: Permission;
}

/// [`Permission::Look`].
#[derive(Clone, Copy, Debug)]
pub struct Look;
/// [`Permission::Handle`].
#[derive(Clone, Copy, Debug)]
pub struct Handle;
/// [`Permission::Keys`].
#[derive(Clone, Copy, Debug)]
pub struct Keys;
/// [`Permission::Settings`].
#[derive(Clone, Copy, Debug)]
pub struct Settings;
/// [`Permission::Accounts`].
#[derive(Clone, Copy, Debug)]
pub struct Accounts;

impl Needs for Look {
    const PERMISSION: Permission = Permission::Look;
}
impl Needs for Handle {
    const PERMISSION: Permission = Permission::Handle;
}
impl Needs for Keys {
    const PERMISSION: Permission = Permission::Keys;
}
impl Needs for Settings {
    const PERMISSION: Permission = Permission::Settings;
}
impl Needs for Accounts {
    const PERMISSION: Permission = Permission::Accounts;
}
