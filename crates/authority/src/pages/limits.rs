//! From which size on taking back needs two persons.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Settings;
use serde::Deserialize;

use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts::limits::{Set, set};
use crate::administration::Administration;
use crate::store::limit::Limits;
use crate::views::proposals::{self, LimitsView};

/// What is entered.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Entered {
    hosts: String,
    machines: String,
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    limits: LimitsView,
    form: Entered,
    failed: Option<Failed>,
}

/// `GET /limits`.
pub async fn show(page: Page<Settings>, State(app): State<Administration>) -> page::Result<Response> {
    page.confirmed("/limits")?;
    let limits = app.look(|_, tx| proposals::limits(tx)).await?;
    let form = Entered { hosts: limits.hosts.to_string(), machines: limits.machines.to_string() };
    html(&LimitsPage { frame: page.frame(), limits, form, failed: None })
}

/// `POST /limits`.
pub async fn change(
    page: Page<Settings>,
    State(app): State<Administration>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    page.confirmed("/limits")?;
    let failed = match read(&form) {
        Ok(limits) => match app.act(page.by(), move |_, db, by| set(db, limits, by)).await {
            Ok(Set::Done) => return page.done("The limits are set.", "/revocations").await,
            Ok(Set::Proposed(number)) => {
                let notice = "Nothing has changed yet: raising a limit waits for a second person.";
                return page.done(notice, format!("/proposals/{number}")).await;
            }
            Err(problem) => Failed::of(problem)?,
        },
        Err(failed) => failed,
    };
    let limits = app.look(|_, tx| proposals::limits(tx)).await?;
    unprocessable(&LimitsPage { frame: page.frame(), limits, form, failed: Some(failed) })
}

fn read(form: &Entered) -> Result<Limits, Failed> {
    let number = |field, text: &str| {
        text.trim()
            .parse()
            .map_err(|_| Failed::field(field, "a whole number; 0 means that every act needs two persons"))
    };
    Ok(Limits { hosts: number("hosts", &form.hosts)?, machines: number("machines", &form.machines)? })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |hosts: &str, failed| {
        let form = Entered { hosts: hosts.to_owned(), machines: "1000".to_owned() };
        let (frame, limits) = (Frame::sample(&PRODUCT, "/revocations"), LimitsView { hosts: 10, machines: 1000 });
        LimitsPage { frame, limits, form, failed }.render()
    };
    let wrong = Failed::field("hosts", "a whole number; 0 means that every act needs two persons");
    Ok(vec![("limits-typical", page("10", None)?), ("limits-error", page("many", Some(wrong))?)])
}
