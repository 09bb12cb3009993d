//! What every page shows beside its own matter: navigation, who has signed in, what was just done.

use super::assets;
use super::page::Page;
use super::permission::Needs;

/// The frame of a page, as `frame.html` and `bare.html` show it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it is the console of.
    pub product: &'static str,
    /// The short name of this installation.
    pub site: String,
    /// The pages to which it leads.
    pub nav: Vec<NavItem>,
    /// Who has signed in.
    pub user: Option<FrameUser>,
    /// What was just done.
    pub notice: Option<Notice>,
    /// The version of the program.
    pub version: &'static str,
    /// Where the stylesheet is.
    pub style_href: &'static str,
    /// Where the script is.
    pub script_href: &'static str,
}

/// A page to which the frame leads.
#[derive(Clone, Debug)]
pub struct NavItem {
    /// For people.
    pub label: &'static str,
    /// Its path.
    pub href: &'static str,
    /// The name of its icon.
    pub icon: &'static str,
    /// Whether it is this page, or this page belongs to it.
    pub is_current: bool,
    /// Whether it begins a group.
    pub is_apart: bool,
}

/// Who has signed in.
#[derive(Clone, Debug)]
pub struct FrameUser {
    /// The account's name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
}

/// What was just done, or what somebody should know.
#[derive(Clone, Debug)]
pub struct Notice {
    /// `good`, `warn`, `bad` or `info`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
}

impl Frame {
    /// The frame of pages without a session.
    pub fn bare(console: &super::Console) -> Frame {
        Frame {
            product: console.product().name,
            site: console.0.site.clone(),
            nav: Vec::new(),
            user: None,
            notice: None,
            version: env!("CARGO_PKG_VERSION"),
            style_href: assets::STYLE,
            script_href: assets::SCRIPT,
        }
    }

    pub(super) fn of<P: Needs>(page: &Page<P>) -> Frame {
        let bare = Frame::bare(page.console());
        let permissions = page.account().role.permissions();
        let is_current = |href: &str| match href {
            "/" => page.path() == "/",
            _ => page.path() == href || page.path().starts_with(&format!("{href}/")),
        };
        let nav = page.console().product().nav.iter().filter(|nav| permissions.contains(&nav.needs));
        let item = |nav: &super::Nav| NavItem {
            label: nav.label,
            href: nav.href,
            icon: nav.icon,
            is_current: is_current(nav.href),
            is_apart: nav.is_apart,
        };
        Frame {
            nav: nav.map(item).collect(),
            user: Some(FrameUser { name: page.account().name.clone(), role: page.account().role.name() }),
            notice: page.notice().map(|text| Notice { kind: "good", text: text.to_owned() }),
            ..bare
        }
    }

    /// A frame for sample pages: an administrator who has signed in, on the page `current`.
    pub fn sample(product: &'static super::Product, current: &str) -> Frame {
        let item = |nav: &super::Nav| NavItem {
            label: nav.label,
            href: nav.href,
            icon: nav.icon,
            is_current: nav.href == current,
            is_apart: nav.is_apart,
        };
        Frame {
            product: product.name,
            site: "headquarters".to_owned(),
            nav: product.nav.iter().map(item).collect(),
            user: Some(FrameUser { name: "ada".to_owned(), role: "administrator" }),
            notice: None,
            version: env!("CARGO_PKG_VERSION"),
            style_href: assets::STYLE,
            script_href: assets::SCRIPT,
        }
    }
}
