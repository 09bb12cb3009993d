//! `keymuster settings`: which value of each setting counts for the products of this machine, and who said so.

use std::fmt::Write as _;

use keymuster_client::{Client, EffectiveSetting, Notice, Setting};
use keymuster_core::time::duration_words;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let clients = machine.products()?.iter().map(|product| machine.look(product)).collect::<Result<Vec<_>, _>>()?;
    Ok(of(&clients, Setting::ALL))
}

/// Some settings of some products.
pub fn of(clients: &[Client], which: &[Setting]) -> Answer {
    let mut answer = Answer::new("", json!([]));
    let mut values = Vec::new();
    for client in clients {
        let mut settings = client.settings();
        settings.retain(|effective| which.contains(&effective.setting));
        let notices = notices(client);
        let edition = client.product().edition();
        let publisher = client.product().publisher();
        let _ =
            writeln!(answer.text, "{} ({publisher}, {})\n{}", edition.name, edition.id, table(&settings).trim_end());
        for notice in &notices {
            let _ = writeln!(answer.text, "  notice: {notice}");
        }
        let settings: Vec<Value> = settings.iter().map(json_of).collect();
        values.push(json!({
            "publisher": publisher.as_str(), "edition": edition.id.as_str(), "settings": settings, "notices": notices,
        }));
    }
    answer.json = Value::Array(values);
    answer
}

fn notices(client: &Client) -> Vec<String> {
    let notices = client.status().notices.into_iter();
    notices.filter(|notice| matches!(notice, Notice::SettingIgnored(_))).map(|notice| notice.to_string()).collect()
}

fn table(settings: &[EffectiveSetting]) -> String {
    let rows: Vec<[String; 4]> = settings
        .iter()
        .map(|effective| {
            [effective.setting.to_string(), value(effective), effective.source.to_string(), allowed(effective)]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for ([name, value, source, allowed], effective) in rows.iter().zip(settings) {
        let [name_width, value_width, source_width] = widths;
        let _ = writeln!(text, "  {name:name_width$}  {value:value_width$}  {source:source_width$}  {allowed}");
        if let Some(ignored) = &effective.ignored {
            let _ = writeln!(text, "  {:name_width$}  ({ignored})", "");
        }
    }
    text
}

fn value(effective: &EffectiveSetting) -> String {
    effective.value.as_ref().map_or_else(|| effective.setting.when_unset().to_owned(), ToString::to_string)
}

/// What it may be, without examples.
fn allowed(effective: &EffectiveSetting) -> String {
    match effective.range {
        Some(range) => format!("{} to {}", duration_words(range.min_secs), duration_words(range.max_secs)),
        None => effective.setting.expects().split(": ").next().unwrap_or_default().to_owned(),
    }
}

fn json_of(effective: &EffectiveSetting) -> Value {
    let EffectiveSetting { setting, value, source, range, default, ignored, .. } = effective;
    json!({
        "name": setting.name(),
        "value": value.as_ref().map(|value| value.to_json()),
        "value_secs": value.as_ref().and_then(|value| value.secs()),
        "source": source.to_string(),
        "allowed": allowed(effective),
        "min_secs": range.map(|range| range.min_secs),
        "max_secs": range.map(|range| range.max_secs),
        "default": default.as_ref().map(|value| value.to_json()),
        "ignored": ignored,
    })
}
