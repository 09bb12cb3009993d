//! Taking back a key, a host or a customer: what it takes away, whether that needs a second person, and why.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::id::Label;
use keymuster_service::console::Page;
use keymuster_service::console::api::Path;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Settings;
use serde::Deserialize;

use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts::revoke::{Revoked, Target, revoke};
use crate::administration::Administration;
use crate::views::reach::{self, ReachView};

/// What is entered.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Entered {
    reason: String,
}

#[derive(Template)]
#[template(path = "revoke.html")]
struct RevokePage {
    frame: Frame,
    reach: ReachView,
    form: Entered,
    failed: Option<Failed>,
}

/// What kind of thing a route is about.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Key,
    Host,
    Customer,
}

impl Kind {
    fn target(self, name: &str) -> Option<Target> {
        match self {
            Kind::Key => name.parse().ok().map(Target::Key),
            Kind::Host => name.parse().ok().map(Target::Host),
            Kind::Customer => name.parse().ok().map(Target::Customer),
        }
    }
}

/// `GET /keys/{key}/revoke`.
pub async fn show_key(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> page::Result<Response> {
    show(&page, &app, Kind::Key, &id).await
}

/// `GET /hosts/{host}/revoke`.
pub async fn show_host(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> page::Result<Response> {
    show(&page, &app, Kind::Host, &id).await
}

/// `GET /customers/{customer}/stop`.
pub async fn show_customer(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> page::Result<Response> {
    show(&page, &app, Kind::Customer, &id).await
}

/// `POST /keys/{key}/revoke`.
pub async fn revoke_key(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    act(&page, &app, (Kind::Key, &id), form).await
}

/// `POST /hosts/{host}/revoke`.
pub async fn revoke_host(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    act(&page, &app, (Kind::Host, &id), form).await
}

/// `POST /customers/{customer}/stop`.
pub async fn stop_customer(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    act(&page, &app, (Kind::Customer, &id), form).await
}

async fn show(page: &Page<Settings>, app: &Administration, kind: Kind, name: &str) -> page::Result<Response> {
    page.confirmed(page.path())?;
    let reach = load(page, app, kind, name).await?;
    html(&RevokePage { frame: page.frame(), reach, form: Entered::default(), failed: None })
}

async fn act(
    page: &Page<Settings>,
    app: &Administration,
    (kind, name): (Kind, &str),
    form: Entered,
) -> page::Result<Response> {
    page.confirmed(page.path())?;
    let reach = load(page, app, kind, name).await?;
    let failed = match form.reason.trim().parse::<Label>() {
        Err(_) => Failed::field("reason", "say why in one line, for the records"),
        Ok(reason) => {
            let target = kind.target(name);
            let done = app.act(page.by(), move |authority, db, by| {
                let target = target.ok_or_else(|| crate::error::Error::Rule("there is no such thing".to_owned()))?;
                revoke(authority, db, &target, reason.as_str(), by)
            });
            match done.await {
                Ok(Revoked::Done(list)) => {
                    let notice = format!("{}. Revocation list {} says so.", reach.done, list.sequence);
                    return page.done(notice, reach.back).await;
                }
                Ok(Revoked::Proposed(number)) => {
                    let notice = "Nothing has changed yet: this waits for a second person.";
                    return page.done(notice, format!("/proposals/{number}")).await;
                }
                Err(problem) => Failed::of(problem)?,
            }
        }
    };
    unprocessable(&RevokePage { frame: page.frame(), reach, form, failed: Some(failed) })
}

async fn load(page: &Page<Settings>, app: &Administration, kind: Kind, name: &str) -> page::Result<ReachView> {
    let (target, name, by) = (kind.target(name), name.to_owned(), page.by());
    Ok(app.look(move |authority, tx| reach::load(authority, tx, target.as_ref(), &name, &by)).await?)
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |needs_second: bool, reason: &str, failed| {
        let reach = ReachView {
            title: "Revoke host key 7M4QX".to_owned(),
            verb: "Revoke the key".to_owned(),
            about: "All entitlements that were issued for this key are taken back, on every host.".to_owned(),
            done: "Key 7M4QX is revoked".to_owned(),
            list: "/keys",
            list_name: "Keys",
            name: "7M4QX".to_owned(),
            back: "/keys/500078200002b".to_owned(),
            hosts: if needs_second { 12 } else { 2 },
            machines: if needs_second { 14_310 } else { 230 },
            hosts_before: 1,
            machines_before: 40,
            hosts_max: 10,
            machines_max: 1000,
            needs_second,
        };
        let form = Entered { reason: reason.to_owned() };
        RevokePage { frame: Frame::sample(&PRODUCT, "/keys"), reach, form, failed }.render()
    };
    let wrong = Failed::field("reason", "say why in one line, for the records");
    Ok(vec![
        ("revoke-small", page(false, "", None)?),
        ("revoke-large", page(true, "the contract has ended", None)?),
        ("revoke-error", page(false, "", Some(wrong))?),
    ])
}
