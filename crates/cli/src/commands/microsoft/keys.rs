//! `keymuster microsoft keys`: the public setup keys, by product or by key.

use std::fmt::Write as _;

use clap::Args;
use keymuster_microsoft::keys::{self, Kind, Looked, SetupKey};
use keymuster_microsoft::notebook;
use serde_json::{Value, json};

use super::input;
use crate::answer::Answer;
use crate::failure::Failure;

/// Options of `microsoft keys`.
#[derive(Debug, Args)]
pub struct Options {
    /// Words of a product and edition, such as `windows 11 enterprise`, or a key; `-` reads a key from standard input.
    /// Without any, every product is listed.
    words: Vec<String>,
    /// List every key.
    #[arg(long, conflicts_with = "words")]
    all: bool,
    /// Show the 24 keys of the notebook with the verdict on each, as Markdown.
    #[arg(long, conflicts_with_all = ["words", "all"])]
    notebook: bool,
}

pub fn run(options: &Options) -> Result<Answer, Failure> {
    if options.notebook {
        return Ok(of_notebook());
    }
    if options.all {
        return Ok(list(&keys::all().iter().collect::<Vec<_>>()));
    }
    let words = match options.words.join(" ") {
        dash if dash == "-" => input::standard_input()?,
        words => words,
    };
    if words.trim().is_empty() {
        return Ok(families());
    }
    if let Some(looked) = keys::look(&words) {
        return looked_up(looked);
    }
    match keys::search(&words) {
        found if found.is_empty() => {
            let words: String = words.chars().take(60).collect();
            let message = format!("no setup key has all of {words:?} in its product and edition");
            Err(Failure::refused(message, format!("try one of: {}", keys::suggestions(&words).join("; "))))
        }
        found => Ok(list(&found)),
    }
}

fn list(found: &[&'static SetupKey]) -> Answer {
    let width = found.iter().map(|key| key.name().chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for key in found {
        let _ = writeln!(text, "{:width$}  {}", key.name(), key.key);
    }
    let json = found.iter().map(|key| json_of(key)).collect();
    answer(text, &[Kind::Setup], "keys", json)
}

fn json_of(key: &SetupKey) -> Value {
    json!({
        "name": key.name(), "family": key.family, "edition": key.edition, "key": key.key, "kind": "setup",
        "source": key.source, "date": key.date,
    })
}

/// Every place that shows a key says what kind it is, and where it must never be typed.
fn answer(mut text: String, kinds: &[Kind], name: &str, value: Value) -> Answer {
    let mut list = Vec::new();
    for kind in kinds {
        let _ = write!(text, "\n{}: {};\n  {}.\n", kind.name(), kind.belongs(), kind.never());
        list.push(json!({ "kind": kind.name(), "belongs": kind.belongs(), "never": kind.never() }));
    }
    Answer::new(text, json!({ name: value, "kinds": list }))
}

fn families() -> Answer {
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for key in keys::all() {
        match families.iter_mut().find(|(family, _)| *family == key.family) {
            Some((_, editions)) => editions.push(key.edition),
            None => families.push((key.family, vec![key.edition])),
        }
    }
    let mut text =
        "Products with public setup keys; `keymuster microsoft keys PRODUCT EDITION` shows them.\n\n".to_owned();
    for (family, editions) in &families {
        let _ = writeln!(text, "{family}: {}", editions.join(", "));
    }
    let json = families.iter().map(|(family, editions)| json!({ "family": family, "editions": editions })).collect();
    answer(text, &Kind::ALL, "families", json)
}

fn looked_up(looked: Looked) -> Result<Answer, Failure> {
    match looked {
        Looked::Setup(key) => {
            let noted = notebook::all().iter().find(|entry| entry.key == key.key);
            let noted = noted.map(|_| "The notebook has the same key.\n").unwrap_or_default();
            let text = format!(
                "{} is the public setup key of {}.\n{}, {}\n{noted}",
                key.key,
                key.name(),
                key.source,
                key.date
            );
            Ok(answer(text, &[Kind::Setup], "key", json_of(key)))
        }
        Looked::Notebook(entry) => {
            let verdict = entry.verdict().sentence();
            let text =
                format!("{} stands in the notebook for {} {}; {verdict}.\n", entry.key, entry.family, entry.edition);
            let json =
                json!({ "key": entry.key, "family": entry.family, "edition": entry.edition, "verdict": verdict });
            Ok(answer(text, &[Kind::Setup], "notebook", json))
        }
        Looked::Mistyped { meant, places } => {
            let places: Vec<String> = places
                .iter()
                .map(|place| format!("group {}, symbol {}", (place - 1) / 5 + 1, (place - 1) % 5 + 1))
                .collect();
            let message = format!(
                "no setup key is written so; {} of {} differs in {}",
                meant.key,
                meant.name(),
                places.join(" and ")
            );
            Err(Failure::refused(
                message,
                "compare it; a key that is not public is a secret and would not be so close to this one",
            ))
        }
        Looked::Secret(last_five) => {
            let text = format!(
                "The key that ends in {last_five} is no public setup key, so it is a secret of its owner: a host \
                    key, a MAK or a retail key.\nNobody can tell which from the key alone; the volume licensing \
                    portal says it, and `slmgr /dlv` says it of an installed key.\n"
            );
            let answered = answer(text, &[Kind::Host, Kind::Mak], "secret", json!({ "last_five": last_five }));
            Ok(answered)
        }
        Looked::Forbidden(symbols) => {
            let symbols: Vec<String> = symbols.iter().map(char::to_string).collect();
            let message = format!("this is no product key: none has the symbols {}", symbols.join(", "));
            Err(Failure::refused(message, format!("keys are written in {} and N", keys::ALPHABET)))
        }
    }
}

fn of_notebook() -> Answer {
    let entries = notebook::all().iter().map(|entry| {
        json!({
            "family": entry.family, "edition": entry.edition, "key": entry.key, "verdict": entry.verdict().sentence(),
        })
    });
    Answer::new(notebook::markdown(), entries.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const HEAD: &str = "\
# The keys of the notebook

The 24 setup keys that the notebook lists, and what Microsoft's list says of each.
Setup keys are public: they make a machine ask a KMS host, and license nothing by themselves.
`keymuster microsoft keys --notebook` prints this table.

";

    /// `UPDATE=1` writes the page.
    #[test]
    fn the_reference_page_is_the_table() {
        let page = format!("{HEAD}{}", of_notebook().text);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/notebook-keys.md");
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&file, &page).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(written == page, "{} is out of date: run the test again with UPDATE=1", file.display());
    }
}
