//! `keymuster microsoft explain`: codes of Windows' and Office's activation, also from a pasted text.

use std::fmt::Write as _;

use clap::Args;
use keymuster_microsoft::codes::{self, Code};
use keymuster_microsoft::explain::{Event, Explanation, Unknown, explain};
use serde_json::{Map, Value, json};

use super::input;
use crate::answer::Answer;
use crate::failure::Failure;

/// Options of `microsoft explain`.
#[derive(Debug, Args)]
pub struct Options {
    /// A code as 0xC004F074, -1073418124 or SL_E_VL_NOT_ENOUGH_COUNT, several of them, or a pasted text with codes or
    /// with events 12288 to 12290; without any, or with `-`, standard input is read.
    #[arg(allow_negative_numbers = true)]
    text: Vec<String>,
}

pub fn run(options: &Options) -> Result<Answer, Failure> {
    let text = match options.text.join(" ") {
        words if words.is_empty() || words == "-" => input::standard_input()?,
        words => words,
    };
    let found = explain(&text);
    if found == Explanation::default() {
        let shown: String = text.trim().chars().take(60).collect();
        let nearest: Vec<String> = codes::nearest(&shown).into_iter().map(title).collect();
        let message = format!("there is no code of Microsoft's activation in {shown:?}");
        return Err(Failure::refused(message, format!("the nearest are {}", nearest.join("; "))));
    }
    Ok(Answer::new(words(&found), json_of(&found)))
}

fn title(code: &Code) -> String {
    if code.name == "-" { format!("0x{:08X}", code.number) } else { format!("0x{:08X} {}", code.number, code.name) }
}

fn words(found: &Explanation) -> String {
    let mut parts: Vec<String> = found.joined.iter().map(|joined| format!("{joined}.\n")).collect();
    parts.extend(found.events.iter().map(event));
    parts.extend(found.codes.iter().map(|code| self::code(code)));
    parts.extend(
        found
            .unknown
            .iter()
            .map(|Unknown { number, hint }| format!("0x{number:08X} is not in this program's tables.\n  {hint}.\n")),
    );
    parts.join("\n")
}

fn code(code: &Code) -> String {
    let mut text = format!("{}: {}\n", title(code), code.meaning);
    if code.is_name_only {
        text += "  (only its name is public; this is what holds for codes of its family)\n";
    } else {
        let _ = writeln!(text, "  concerns: {}", code.who);
    }
    text += "\nCauses, the likeliest first:\n";
    for (place, cause) in (1..).zip(&code.causes) {
        let _ = writeln!(text, "  {place}. {cause}");
    }
    for (head, list) in [("\nTo check:", &code.checks), ("\nWhat to do:", &code.remedies)] {
        let _ = writeln!(text, "{head}");
        for item in list {
            let _ = writeln!(text, "  - {item}");
        }
    }
    text
}

fn event(event: &Event) -> String {
    let what = match event.id {
        12288 => "the client asked a host",
        12289 => "the client has an answer",
        _ => "the host answered a client",
    };
    let mut text = format!("Event {}: {what}\n", event.id);
    let width = event.fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in &event.fields {
        let _ = writeln!(text, "  {name:width$}  {value}");
    }
    text
}

fn json_of(found: &Explanation) -> Value {
    let code = |code: &&Code| {
        json!({
            "code": format!("0x{:08X}", code.number), "name": code.name, "who": code.who, "meaning": code.meaning,
            "causes": code.causes, "checks": code.checks, "remedies": code.remedies,
            "name_only": code.is_name_only, "source": code.source, "date": code.date,
        })
    };
    let event = |event: &Event| {
        let fields: Map<String, Value> =
            event.fields.iter().map(|(name, value)| (name.replace(' ', "_"), Value::from(value.as_str()))).collect();
        json!({ "id": event.id, "fields": fields })
    };
    json!({
        "joined": found.joined,
        "codes": found.codes.iter().map(code).collect::<Vec<_>>(),
        "unknown": found.unknown.iter().map(|unknown| json!({ "code": format!("0x{:08X}", unknown.number), "hint": unknown.hint })).collect::<Vec<_>>(),
        "events": found.events.iter().map(event).collect::<Vec<_>>(),
    })
}
