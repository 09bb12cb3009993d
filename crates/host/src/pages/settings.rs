//! Every setting with its value, where that comes from and what it may be.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;
use serde_json::json;

use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::settings::{self, Chosen, Setting};

/// Settings that belong together.
struct Group {
    title: String,
    about: &'static str,
    settings: Vec<Setting>,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    groups: Vec<Group>,
}

/// The address of a setting's page.
pub fn address(setting: &Setting) -> String {
    let path = format!("/settings/{}", setting.name);
    match &setting.publisher {
        Some(publisher) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("publisher", publisher).finish();
            format!("{path}?{query}")
        }
        None => path,
    }
}

/// One group for each publisher, one for the host, one for DNS.
fn groups(settings: Vec<Setting>) -> Vec<Group> {
    let key = |setting: &Setting| (setting.publisher.clone(), setting.name.starts_with("dns-"));
    let of_one = |settings: &[Setting]| {
        let (title, about) = match key(settings.first()?) {
            (Some(publisher), _) => (
                format!("Leases of {publisher}"),
                "Within the range that the publisher signed. A change reaches each client with its next lease.",
            ),
            (None, false) => ("This host".to_owned(), "A running host follows within a second, without a restart."),
            (None, true) => (
                "This host in DNS".to_owned(),
                "How clients find this host. The page DNS shows what is really published.",
            ),
        };
        Some(Group { title, about, settings: settings.to_vec() })
    };
    let mut ordered = settings;
    ordered.sort_by_key(|setting| (setting.publisher.is_none(), key(setting)));
    ordered.chunk_by(|one, next| key(one) == key(next)).filter_map(of_one).collect()
}

/// `GET /settings`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let data_dir = app.data_dir.clone();
    let settings = app.console.pool().read(move |tx| settings::load(tx, &data_dir)).await?;
    html(&SettingsPage { frame: page.frame(), groups: groups(settings.settings) })
}

/// Settings for samples.
pub(super) fn sample(name: &str, publisher: Option<&str>, text: Option<&str>, chosen: bool) -> Setting {
    let chosen = chosen.then(|| Chosen {
        value: json!(text),
        text: text.unwrap_or_default().to_owned(),
        by: "ada".to_owned(),
        at: 1_800_000_000,
        counts: true,
    });
    let (default, allowed) = match name {
        "renewal-interval" => (Some("7d"), "1h to 30d"),
        "activation-interval" => (Some("2h"), "15m to 30d"),
        "port" => (Some("1688"), "1 to 65535"),
        "dns-publishing" => (Some("on"), "on or off"),
        "dns-zones" => (None, "ZONE[:PRIORITY[:WEIGHT]],…"),
        "help-url" => (None, "an address with https://"),
        _ => (Some("25"), "5 to 1000"),
    };
    Setting {
        name: name.to_owned(),
        publisher: publisher.map(str::to_owned),
        value: text.map(|text| json!(text)),
        text: text.map(str::to_owned),
        source: match (&chosen, publisher) {
            (Some(_), _) => "administrator",
            (None, Some(_)) => "licence-pack",
            (None, None) => "built-in",
        },
        fixed: None,
        chosen,
        default: Some(json!(default)),
        default_text: default.map(str::to_owned),
        allowed: allowed.to_owned(),
        min: Some(json!(3600)),
        max: Some(json!(2_592_000)),
        note: None,
        about: crate::settings::find(name).map_or("", |(setting, _)| setting.about),
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let of_host = || {
        let mut port = sample("port", None, Some("1700"), true);
        port.note =
            Some("clients are still answered on port 1688: the port 1700 is taken (KM-414 address-in-use)".to_owned());
        vec![port, sample("help-url", None, None, false), sample("dns-zones", None, None, false)]
    };
    let of_publisher = |publisher: &'static str, editions: usize| {
        let mut settings = vec![
            sample("renewal-interval", Some(publisher), Some("7d"), false),
            sample("activation-interval", Some(publisher), Some("2h"), true),
        ];
        let name = |number: usize| format!("threshold.desk-edition-{number}");
        settings.extend((0..editions).map(|number| sample(&name(number), Some(publisher), Some("25"), number == 3)));
        settings
    };
    let page = |settings: Vec<Setting>| {
        SettingsPage { frame: Frame::sample(&PRODUCT, "/settings"), groups: groups(settings) }.render()
    };
    Ok(vec![
        ("settings-empty", page(of_host())?),
        ("settings-typical", page([of_publisher("aurora", 3), of_host()].concat())?),
        ("settings-full", page([of_publisher("aurora", 40), of_publisher("borealis", 20), of_host()].concat())?),
    ])
}
