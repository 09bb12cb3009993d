//! Which account is that of somebody whom the provider names, and with which role.
//!
//! A link, once made, counts; claims such as an email address only serve to find an account that has none yet, and only
//! where the administrator chose so.

use keymuster_core::codes;
use serde_json::Value;

use super::settings::{Match, OpenId};
use crate::Problem;
use crate::console::account::{self, Account};
use crate::console::book::Book;
use crate::console::by::By;
use crate::console::permission::{Accounts, Role};
use keymuster_core::time::Timestamp;

/// Who the provider says it is, as one text.
pub fn subject(settings: &OpenId, claims: &Value) -> String {
    format!("{} {}", settings.issuer, claims["sub"].as_str().unwrap_or_default())
}

/// The account of somebody; made, linked and given its role where the settings say so.
pub fn account(book: &Book<'_>, settings: &OpenId, claims: &Value, at: Timestamp) -> Result<Account, Problem> {
    let subject = subject(settings, claims);
    let by = By::<Accounts>::server(at);
    let role = role(settings, claims);
    let account = match account::of_subject(book.tx, &subject)? {
        Some(account) => account,
        None => find(book, settings, claims, role, &by)?,
    };
    if account.disabled_at.is_some() {
        return Err(refused(format!("the account {} is disabled", account.name)));
    }
    if settings.roles.is_empty() {
        return Ok(account);
    }
    match role {
        None => Err(refused("none of the groups that the provider names has a role here".to_owned())),
        Some(role) if role == account.role => Ok(account),
        // The last administrator stays one, whatever the provider says.
        Some(role) => match book.set_role(&by, &account.name, role) {
            Err(problem) if problem.code() == &codes::INPUT_INVALID => Ok(account),
            changed => changed,
        },
    }
}

/// The role that the groups give, or the one without a group.
fn role(settings: &OpenId, claims: &Value) -> Option<Role> {
    let groups = claims[settings.groups_claim.as_str()].as_array().map_or(&[][..], Vec::as_slice);
    let roles = groups.iter().filter_map(Value::as_str).filter_map(|group| settings.roles.get(group));
    roles.copied().max().or(settings.default_role)
}

/// An account by the claim that the settings name, linked from now on, or a new one.
fn find(
    book: &Book<'_>,
    settings: &OpenId,
    claims: &Value,
    role: Option<Role>,
    by: &By<Accounts>,
) -> Result<Account, Problem> {
    let text = |name: &str| claims[name].as_str();
    let named = match settings.matches {
        Match::Subject => None,
        Match::Email => text("email").filter(|_| claims["email_verified"] == Value::Bool(true)),
        Match::PreferredUsername => text("preferred_username"),
    };
    let unknown = || refused("no account here is linked with the one that you have there".to_owned());
    let name = account::parse_name(named.ok_or_else(unknown)?).map_err(|_| unknown())?;
    let account = match (account::named(book.tx, &name)?, role) {
        (Some(linked), _) if linked.openid_subject.is_some() => return Err(unknown()),
        (Some(account), _) => account,
        (None, Some(role)) => book.add(by, &name, role, None)?,
        (None, None) => return Err(unknown()),
    };
    book.link(by, &account.name, Some(subject(settings, claims)))
}

/// What somebody is told who is known there and not here.
pub fn refused(detail: String) -> Problem {
    Problem::new(&codes::PROVIDER_ACCOUNT_REFUSED, detail)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::sql::Connection;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn settings(matches: Match, roles: &[(&str, Role)], default_role: Option<Role>) -> OpenId {
        let roles: BTreeMap<String, Role> = roles.iter().map(|(group, role)| ((*group).to_owned(), *role)).collect();
        OpenId {
            issuer: "https://login.example".to_owned(),
            client_id: String::new(),
            client_secret: String::new(),
            public_url: None,
            ca: None,
            matches,
            scopes: String::new(),
            groups_claim: "groups".to_owned(),
            roles,
            default_role,
        }
    }

    /// Signs somebody in to a database with the administrators `ada` and `grace`, and `eve`, who is disabled.
    fn try_in(settings: &OpenId, claims: &Value) -> Result<(String, Role), &'static str> {
        let mut db = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
        db.execute_batch(crate::console::MIGRATION).unwrap();
        let tx = db.writing().unwrap();
        for name in ["ada", "grace", "eve"] {
            let disabled_at = (name == "eve").then_some(NOW);
            let account = Account::new(name.to_owned(), Role::Administrator, "test", NOW);
            account::add(&tx, &Account { disabled_at, ..account }).unwrap();
        }
        let book = Book { tx: &tx, record: |_, _| Ok(()) };
        let account = super::account(&book, settings, claims, NOW).map_err(|problem| problem.code().name)?;
        let again = super::account(&book, settings, claims, NOW).unwrap();
        assert_eq!((&again.name, &again.openid_subject), (&account.name, &Some(subject(settings, claims))));
        Ok((account.name, account.role))
    }

    #[test]
    fn who_gets_which_account() {
        let claims = |name: &str, groups: &[&str]| json!({ "sub": "s1", "email": name, "email_verified": true, "preferred_username": name, "groups": groups });
        let unverified = json!({ "sub": "s1", "email": "ada", "email_verified": false });
        let no = Err("provider-account-refused");
        let ok = |name: &str, role| Ok((name.to_owned(), role));
        let (viewer, operator, administrator) = (Role::Viewer, Role::Operator, Role::Administrator);
        let roles = [("ops", operator), ("admins", administrator)];
        let by_name = |roles: &[(&str, Role)], role| settings(Match::PreferredUsername, roles, role);
        for (what, settings, claims, expected) in [
            ("unlinked", settings(Match::Subject, &[], Some(viewer)), claims("ada", &[]), no.clone()),
            ("by name", by_name(&[], None), claims("Ada", &[]), ok("ada", administrator)),
            ("by email", settings(Match::Email, &[], None), claims("ada", &[]), ok("ada", administrator)),
            ("by an email that is not verified", settings(Match::Email, &[], None), unverified, no.clone()),
            ("disabled", by_name(&[], None), claims("eve", &[]), no.clone()),
            ("new without a role", by_name(&[], None), claims("olaf", &[]), no.clone()),
            ("new with that of all", by_name(&[], Some(viewer)), claims("olaf", &[]), ok("olaf", viewer)),
            ("new with that of a group", by_name(&roles, None), claims("olaf", &["x", "ops"]), ok("olaf", operator)),
            ("the highest role", by_name(&roles, None), claims("olaf", &["admins", "ops"]), ok("olaf", administrator)),
            ("a lower role", by_name(&roles, Some(viewer)), claims("ada", &[]), ok("ada", viewer)),
            ("no group with a role", by_name(&roles, None), claims("ada", &["x"]), no.clone()),
            ("a name that is none", by_name(&[], Some(viewer)), claims("../x", &[]), no.clone()),
        ] {
            assert_eq!(try_in(&settings, &claims), expected, "{what}");
        }
    }
}
