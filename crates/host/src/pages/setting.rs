//! One setting: what it does, what a change would bring, and the change. A value in the address is shown as a preview, so
//! that nothing is changed before its effects were read.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_core::id::Slug;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::page::{Path, Query};
use keymuster_service::console::permission::{Look, Needs, Settings as Permitted};
use serde::Deserialize;
use serde_json::json;

use super::parts::When;
use super::{PRODUCT, Sample, settings as list};
use crate::acts::settings::{self as acts, Asked};
use crate::administration::Administration;
use crate::settings::{self, Form};
use crate::views::settings::{self as views, Change, Setting};

/// What is asked for; the same words in the address and in the form.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// Whose setting; empty for the host's own.
    publisher: String,
    /// The value in words.
    value: Option<String>,
    /// `default` takes the choice back.
    to: String,
}

impl Wish {
    fn is_something(&self) -> bool {
        self.value.is_some() || self.takes_back()
    }

    fn takes_back(&self) -> bool {
        self.to == "default"
    }

    fn asked(&self, name: &str) -> Result<Asked, Problem> {
        let publisher = (!self.publisher.is_empty()).then(|| self.publisher.parse::<Slug>()).transpose();
        let publisher = publisher.map_err(|_| Problem::new(&codes::RECORD_UNKNOWN, "there is no such publisher"))?;
        let value = if self.takes_back() { None } else { self.value.clone() };
        Ok(Asked { name: name.to_owned(), publisher, value })
    }
}

#[derive(Template)]
#[template(path = "setting.html")]
struct SettingPage {
    frame: Frame,
    setting: Setting,
    /// What the field shows.
    input: String,
    is_switch: bool,
    expected: String,
    may_change: bool,
    /// What is asked for, where it can be.
    preview: Option<Change>,
    takes_back: bool,
    error: Option<Problem>,
}

impl SettingPage {
    fn new(frame: Frame, setting: Setting, wish: &Wish, may_change: bool) -> SettingPage {
        let form = settings::find(&setting.name).map(|(setting, _)| setting.form).ok();
        let input = wish.value.clone().filter(|_| !wish.takes_back()).or_else(|| setting.text.clone());
        SettingPage {
            frame,
            input: input.unwrap_or_default(),
            is_switch: matches!(form, Some(Form::Switch)),
            expected: form.map_or_else(String::new, |form| form.words()),
            may_change,
            preview: None,
            takes_back: wish.takes_back(),
            error: None,
            setting,
        }
    }

    fn publisher(&self) -> &str {
        self.setting.publisher.as_deref().unwrap_or_default()
    }

    /// What the audit has about it.
    fn history(&self) -> String {
        let mut link = form_urlencoded::Serializer::new("/audit?".to_owned());
        link.append_pair("act", "setting").append_pair("search", &self.setting.name).finish()
    }

    fn chosen_at(&self, secs: &u64) -> When {
        When::at(*secs)
    }
}

/// `GET /settings/{name}`, with the preview of a change where a value is asked for.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Path(name): Path<String>,
    Query(wish): Query<Wish>,
) -> page::Result<Response> {
    let mut shown = load(&page, &app, &name, &wish).await?;
    if !wish.is_something() {
        return html(&shown);
    }
    let asked = wish.asked(&name)?;
    let serving = views::serving(&app.data_dir);
    let previewed = app.act(page.by(), move |home, by| acts::preview(home, by.at(), &asked, serving.as_ref())).await;
    match previewed {
        Ok(changed) => {
            shown.preview = Some(Change::previewed(&changed));
            html(&shown)
        }
        Err(problem) => refused(shown, problem),
    }
}

/// `POST /settings/{name}`.
pub async fn change(
    page: Page<Permitted>,
    State(app): State<Administration>,
    Path(name): Path<String>,
    axum::Form(wish): axum::Form<Wish>,
) -> page::Result<Response> {
    let asked = wish.asked(&name)?;
    let serving = views::serving(&app.data_dir);
    match app.act(page.by(), move |home, by| acts::change(home, by, &asked, serving.as_ref())).await {
        Ok(changed) => {
            let words = |value: Option<String>| value.unwrap_or_else(|| "not set".to_owned());
            let subject = changed.subject();
            let change = Change::made(&changed);
            let (after, before) = (words(change.text), words(change.before_text));
            page.done(format!("{subject} is {after}; it was {before}"), "/settings").await
        }
        Err(problem) => refused(load(&page, &app, &name, &wish).await?, problem),
    }
}

/// The same page with the error beside its field. What is no fault of the input is a problem of its own.
fn refused(mut shown: SettingPage, problem: Problem) -> page::Result<Response> {
    if !problem.status().is_client_error() {
        return Err(problem.into());
    }
    shown.error = Some(problem);
    unprocessable(&shown)
}

async fn load<P: Needs>(page: &Page<P>, app: &Administration, name: &str, wish: &Wish) -> page::Result<SettingPage> {
    let data_dir = app.data_dir.clone();
    let settings = app.console.pool().read(move |tx| views::load(tx, &data_dir)).await?;
    let publisher = (!wish.publisher.is_empty()).then_some(wish.publisher.as_str());
    let setting = settings.find(name, publisher).ok_or_else(|| {
        Problem::new(&codes::RECORD_UNKNOWN, format!("there is no setting {name:?}; /settings lists all"))
    })?;
    Ok(SettingPage::new(page.frame(), setting, wish, page.account().may::<Permitted>()))
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |setting: Setting, value: Option<&str>, preview: Option<Change>, error: Option<Problem>| {
        let wish = Wish { value: value.map(str::to_owned), ..Wish::default() };
        let shown = SettingPage::new(Frame::sample(&PRODUCT, "/settings"), setting, &wish, true);
        SettingPage { preview, error, ..shown }.render()
    };
    let renewal = || list::sample("renewal-interval", Some("aurora"), Some("7d"), true);
    let preview = Change {
        name: "renewal-interval".to_owned(),
        publisher: Some("aurora".to_owned()),
        before: Some(json!(604_800)),
        before_text: Some("7d".to_owned()),
        after: Some(json!(1_209_600)),
        text: Some("14d".to_owned()),
        changed: false,
        effects: vec![
            "clients renew leases granted from now on after 14d, or half of what is left of a shorter one".to_owned(),
            "leases that are held keep their own time for the next renewal: 1204 now".to_owned(),
        ],
    };
    let refused = Problem::new(&codes::SETTING_OUT_OF_RANGE, "renewal-interval can be from 1h to 30d, and 90d is not");
    let fixed = Setting {
        fixed: Some("/etc/keymuster/host.toml:3".to_owned()),
        source: "file",
        ..list::sample("port", None, Some("1700"), false)
    };
    Ok(vec![
        ("setting-fixed", page(fixed, None, None, None)?),
        ("setting-empty", page(list::sample("dns-zones", None, None, false), None, None, None)?),
        ("setting-typical", page(renewal(), None, None, None)?),
        ("setting-preview", page(renewal(), Some("14d"), Some(preview), None)?),
        ("setting-error", page(renewal(), Some("90d"), None, Some(refused))?),
        ("setting-switch", page(list::sample("dns-publishing", None, Some("on"), false), None, None, None)?),
    ])
}
