//! What `-dli`, `-dlv` and `-xpr` show: the fields that administrators look for, under the names they know.

use std::borrow::Cow;

use keymuster_client::{Client, Setting, SettingValue, State, Status, Way};
use keymuster_core::state::GraceReason;
use keymuster_core::time::{DAY, MINUTE, Timestamp};
use serde_json::{Value, json};

use super::translate::{Here, products};
use crate::answer::Answer;
use crate::failure::Failure;

/// One licence or host: fields with their values, in the order of the display; a name without a value is a heading.
struct Sheet {
    fields: Vec<(Cow<'static, str>, Option<String>)>,
}

impl Sheet {
    fn new() -> Sheet {
        Sheet { fields: Vec::new() }
    }

    fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Sheet {
        self.fields.push((name.into(), Some(value.to_string())));
        self
    }

    fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Sheet {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    fn heading(mut self, text: &'static str) -> Sheet {
        self.fields.push((text.into(), None));
        self
    }

    fn answer(self) -> Answer {
        let line = |(name, value): &(Cow<'_, str>, Option<String>)| match value {
            Some(value) => format!("{name}: {value}\n"),
            None => format!("{name}\n"),
        };
        let text = self.fields.iter().map(line).collect::<String>();
        let values =
            self.fields.into_iter().filter_map(|(name, value)| Some((name.trim().to_owned(), Value::from(value?))));
        Answer::new(text, Value::Object(values.collect()))
    }
}

/// The products of this machine that an id names, and its host.
pub fn licences(here: &Here<'_>, id: Option<&str>, is_detailed: bool) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::new();
    for product in products(here, id)? {
        answers.push(licence(&here.machine.look(product)?, is_detailed));
    }
    if let Some(host) = here.host.filter(|_| id.is_none()) {
        answers.extend(publishers(host).map(|publisher| host_sheet(host, publisher, is_detailed)));
    }
    Ok(answers)
}

fn licence(client: &Client, is_detailed: bool) -> Answer {
    let status = client.status();
    let channel = match &status.way {
        Way::Host => "VOLUME_KMSCLIENT channel",
        _ => "VOLUME_MAK channel",
    };
    let partial = match &status.way {
        Way::Mak { last_five } => last_five.clone(),
        _ => client.product().edition().setup_key.key().last_five(),
    };
    let mut sheet = Sheet::new();
    if is_detailed {
        sheet = sheet.field("Software licensing service version", env!("CARGO_PKG_VERSION"));
    }
    sheet = sheet
        .field("Name", &status.edition_name)
        .field("Description", format!("{}, {channel}", client.product().catalogue().name))
        .field("Activation ID", format!("{}/{}", status.publisher, status.edition));
    if is_detailed {
        sheet = sheet
            .field("Application ID", &status.publisher)
            .field("Installation ID", "none to be read aloud: `keymuster slmgr -dti` draws the request");
    }
    sheet = expiry(sheet.field("Partial Product Key", partial), &status);
    if is_detailed {
        sheet = sheet
            .field("Remaining rearm count", status.rearms_left)
            .field("Trusted time", format!("{}{}", status.now, if status.time_suspect { " (suspect)" } else { "" }))
            .maybe("Help", status.help_url.as_ref());
    }
    if status.way == Way::Host {
        sheet = client_block(sheet, client, &status);
    }
    sheet.answer()
}

/// State and time left, in minutes and days.
fn expiry(sheet: Sheet, status: &Status) -> Sheet {
    let left = |until: Timestamp| {
        let secs = until.secs_since(status.now);
        format!("{} minute(s) ({} day(s))", secs / MINUTE, secs / DAY)
    };
    let sheet = sheet.field("License Status", status_words(&status.state));
    match status.state {
        State::Licensed { until: Some(until), .. } => sheet.field("Volume activation expiration", left(until)),
        State::Grace { until, .. } => sheet.field("Time remaining", left(until)),
        State::Notification { reason, .. } => {
            let known_as = reason.code().known_as.first().map_or(String::new(), |known_as| format!(" ({known_as})"));
            sheet.field("Notification Reason", format!("{}{known_as}", reason.code()))
        }
        _ => sheet,
    }
}

fn status_words(state: &State) -> &'static str {
    match state {
        State::Unlicensed => "Unlicensed",
        State::Licensed { .. } => "Licensed",
        State::Grace { reason: GraceReason::FirstUse, .. } => "Initial grace period",
        State::Grace { .. } => "Additional grace period (lease expired or machine out of tolerance)",
        State::Notification { .. } => "Notification",
    }
}

fn client_block(sheet: Sheet, client: &Client, status: &Status) -> Sheet {
    let settings = client.settings();
    let of = |setting: Setting| settings.iter().find(|effective| effective.setting == setting);
    let value = |setting: Setting| of(setting).and_then(|effective| effective.value.as_ref());
    let minutes = |setting: Setting| match (value(setting), of(setting)) {
        (Some(SettingValue::Secs(secs)), Some(effective)) => {
            Some(format!("{} minutes ({})", secs / MINUTE, effective.source))
        }
        _ => None,
    };
    let sheet =
        sheet.heading("Key Management Service client information").maybe("    Client Machine ID (CMID)", status.client);
    let sheet = match (value(Setting::Host), &status.host) {
        (Some(host), _) => sheet.field("    Registered KMS machine name", host),
        (None, Some(host)) if host.found_by.contains("DNS") => {
            sheet.field("    KMS machine name from DNS", &host.address)
        }
        (None, Some(host)) => sheet.field("    KMS machine name", format!("{} ({})", host.address, host.found_by)),
        (None, None) => sheet.field("    DNS auto-discovery", "KMS name not available"),
    };
    let extended = status.lease.as_ref().map(|lease| format!("{} ({})", lease.host, lease.customer));
    let caching = value(Setting::Caching).map(|value| match value {
        SettingValue::Switch(true) => "enabled",
        _ => "disabled",
    });
    sheet
        .maybe("    KMS machine extended PID", extended)
        .maybe("    Activation interval", minutes(Setting::ActivationInterval))
        .maybe("    Renewal interval", minutes(Setting::RenewalInterval))
        .maybe("    KMS host caching", caching)
        .maybe("    Registered KMS SRV record lookup domain", value(Setting::Domain))
}

fn publishers(host: &Value) -> impl Iterator<Item = &Value> {
    host["publishers"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The host's side, for one publisher.
fn host_sheet(host: &Value, publisher: &Value, is_detailed: bool) -> Answer {
    let mut sheet = Sheet::new().field("Name", format!("{} host", text(&publisher["name"])));
    for key in publisher["keys"].as_array().into_iter().flatten() {
        sheet = host_key(sheet, host, key);
    }
    sheet = match host["serving"]["clients"].as_str() {
        Some(address) => sheet
            .heading("Key Management Service is enabled on this machine")
            .field("    Listening on Port", address.rsplit(':').next().unwrap_or(address)),
        None => sheet.heading("Key Management Service is enabled on this machine, and does not run"),
    };
    for family in publisher["families"].as_array().into_iter().flatten() {
        sheet = sheet.field(format!("    Current count ({})", text(&family["id"])), &family["count"]);
    }
    let publishing = if host["dns"]["publishing"] == true { "enabled" } else { "disabled" };
    let interval = |name: &str| {
        let minutes = publisher[name]["secs"].as_u64().unwrap_or_default() / MINUTE;
        format!("{minutes} minutes ({})", text(&publisher[name]["source"]))
    };
    sheet = sheet
        .field("    DNS publishing", publishing)
        .field("    Activation interval", interval("activation"))
        .field("    Renewal interval", interval("renewal"))
        .field("    KMS machine extended PID", text(&host["host"]));
    if is_detailed {
        sheet = counters(sheet, publisher);
    }
    sheet.answer()
}

/// Requests since the host was made, by the standing in which clients asked.
fn counters(sheet: Sheet, publisher: &Value) -> Sheet {
    let count = |name: &str| publisher["counters"][name].as_u64().unwrap_or_default();
    sheet
        .heading("Key Management Service cumulative requests received from clients")
        .field("    Total requests received", count("total"))
        .field("    Failed requests received", count("failed"))
        .field("    Requests with License Status Unlicensed", count("unlicensed"))
        .field("    Requests with License Status Licensed", count("licensed"))
        .field("    Requests with License Status Initial grace period", count("grace"))
        .field("    Requests with License Status License expired", count("ended"))
        .field("    Requests with License Status Out of tolerance", count("out-of-tolerance"))
        .field("    Requests with License Status Notification", count("notification"))
}

fn host_key(sheet: Sheet, host: &Value, key: &Value) -> Sheet {
    let sheet = sheet
        .field("Description", format!("{}, VOLUME_KMS channel", text(&key["group"])))
        .field("Partial Product Key", text(&key["last_five"]));
    match (key["stop_at"].as_u64(), host["time"].as_u64()) {
        (Some(stop_at), Some(now)) if now < stop_at => {
            let secs = stop_at - now;
            let left = format!("{} minute(s) ({} day(s))", secs / MINUTE, secs / DAY);
            sheet.field("License Status", "Licensed").field("Volume activation expiration", left)
        }
        (Some(_), _) => sheet.field("License Status", "Unlicensed (the entitlement has ended)"),
        (None, _) => sheet.field("License Status", "Unlicensed"),
    }
}

/// `-xpr`: one sentence for each product and for the host.
pub fn expirations(here: &Here<'_>, id: Option<&str>) -> Result<Answer, Failure> {
    let (mut text, mut values) = (String::new(), Vec::new());
    for product in products(here, id)? {
        let status = here.machine.look(product)?.status();
        let sentence = sentence(&status);
        text += &format!("{}:\n    {sentence}\n", status.edition_name);
        values.push(json!({ "id": format!("{}/{}", status.publisher, status.edition), "says": sentence }));
    }
    Ok(Answer::new(text, Value::Array(values)))
}

fn sentence(status: &Status) -> String {
    match status.state {
        State::Unlicensed => "Unlicensed".into(),
        State::Licensed { until: Some(until), .. } => format!("Volume activation will expire {until}"),
        State::Licensed { until: None, .. } => "The machine is permanently activated.".into(),
        State::Grace { reason: GraceReason::FirstUse, until } => format!("Initial grace period ends {until}"),
        State::Grace { until, .. } => format!("Additional grace period ends {until}"),
        State::Notification { since, .. } => format!("The product is in Notification mode since {since}"),
    }
}
