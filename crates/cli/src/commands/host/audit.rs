//! What administrators of a host did: the newest entries, or all of them as a file.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use keymuster_core::time::Timestamp;
use serde_json::{Value, json};

use super::{Around, Asked, files, rows, words};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::remote::Ask;
use crate::remote::shown::Column;

/// Options of `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Audit {
    #[command(flatten)]
    meant: Meant,
    /// How many entries at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: usize,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write all entries that fit, with the hash that runs over them: keep them where nobody changes them.
    Export {
        #[command(flatten)]
        meant: Meant,
        /// The form of the file.
        #[arg(long, value_enum, default_value = "csv")]
        form: Form,
        /// Where they are written; without it, on standard output.
        #[arg(long, value_name = "FILE", alias = "output")]
        out: Option<PathBuf>,
    },
}

/// Which entries are meant.
#[derive(Debug, Args)]
struct Meant {
    /// Words that an entry contains.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Who acted.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// What was done, such as "key installed".
    #[arg(long, value_name = "ACT")]
    act: Option<String>,
    /// The first day, such as 2027-01-15.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// Lines of comma-separated values, the first one with their names.
    Csv,
    /// A list.
    Json,
}

const AUDIT: &[Column] = &[
    ("NUMBER", "sequence"),
    ("WHEN", "at"),
    ("WHO", "actor"),
    ("ACT", "act"),
    ("WHAT", "subject"),
    ("DETAIL", "detail"),
];

impl Audit {
    pub(super) fn run(&self, at: &Around<'_>) -> Result<Answer, Failure> {
        let Some(Command::Export { meant, form, out }) = &self.command else {
            let list = rows(self.meant.ask("/audit"), "entries", AUDIT, "no entries");
            return Asked { most: self.last, ..list }.answer(at.remote);
        };
        let entries = at.remote.ask(&meant.ask("/audit/export"))?;
        let text = match form {
            Form::Csv => csv(&entries)?,
            Form::Json => entries.to_string() + "\n",
        };
        let Some(path) = out else { return Ok(Answer::new(text, entries)) };
        files::write_private(path, text.as_bytes())?;
        let number = entries.as_array().map_or(0, Vec::len);
        let text = format!("wrote {}, with {number} entries", path.display());
        Ok(Answer::new(text, json!({ "file": path, "entries": number })))
    }
}

impl Meant {
    fn ask(&self, path: &str) -> Ask {
        let Meant { search, actor, act, from, until } = self;
        let ask = Ask::get(path).with("search", search.as_ref()).with("actor", actor.as_ref());
        ask.with("act", act.as_ref()).with("from", from.as_ref()).with("until", until.as_ref())
    }
}

/// The entries as the console gives them out.
fn csv(entries: &Value) -> Result<String, Failure> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    let wrong = |why: String| Failure::environment(format!("the entries cannot be written: {why}"), "take --form json");
    let mut line = |cells: [String; 7]| writer.write_record(cells.map(cell)).map_err(|why| wrong(why.to_string()));
    line(["number", "when", "who", "act", "what", "detail", "head"].map(str::to_owned))?;
    for entry in entries.as_array().into_iter().flatten() {
        let number = |member: &str| entry[member].as_u64().unwrap_or_default();
        let text = |member: &str| words::text(entry, member);
        let when = Timestamp::from_secs(number("at")).to_string();
        let sequence = number("sequence").to_string();
        line([sequence, when, text("actor"), text("act"), text("subject"), text("detail"), text("head")])?;
    }
    let bytes = writer.into_inner().map_err(|why| wrong(why.to_string()))?;
    String::from_utf8(bytes).map_err(|why| wrong(why.to_string()))
}

/// What a spreadsheet would take for a formula gets an apostrophe before it, as in the console's own files.
fn cell(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_console() {
        let entry = json!({
            "sequence": 3, "at": 0, "actor": "ada, b", "act": "a", "subject": "=1", "detail": "", "head": "00"
        });
        assert_eq!(
            csv(&json!([entry])).unwrap(),
            "number,when,who,act,what,detail,head\r\n3,1970-01-01T00:00:00Z,\"ada, b\",a,'=1,,00\r\n"
        );
    }
}
