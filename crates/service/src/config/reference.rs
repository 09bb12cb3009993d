//! The reference page of a table of keys, generated as text; a test compares it with the file in `docs/reference/`.

use std::fmt::Write as _;

use super::{Change, DATA_DIR, Key, Kind, Of, Table};

/// The page: what stands before the keys, and an entry for each.
pub fn markdown(table: &Table, head: &str) -> String {
    let mut text = head.to_owned();
    for key in table.of_program() {
        entry(&mut text, table, key);
    }
    let each: Vec<&Key> = table.keys.iter().filter(|key| key.of != Of::Program).collect();
    if let Some(Of::Each(kind)) = each.first().map(|key| key.of) {
        let _ =
            writeln!(text, "\n## For each {kind}\n\nThese keys stand beneath `[{kind}.NAME]`, and only in the file.");
        each.into_iter().for_each(|key| entry(&mut text, table, key));
    }
    text
}

/// One section; every sentence has a line of its own. Writing to a string cannot fail.
fn entry(text: &mut String, table: &Table, key: &Key) {
    let name = key.pattern();
    let name = name.strip_prefix("publisher.NAME.").unwrap_or(&name);
    let _ = writeln!(text, "\n### {name}\n\n{}\n", key.about.replace(". ", ".\n"));
    let array = if key.kind == Kind::List { ", or an array of them" } else { "" };
    let _ = writeln!(text, "- Value: {}{array}.", key.expected);
    let _ = writeln!(text, "- Not given: {}.", key.default);
    if key.of == Of::Program {
        let option = if key.name == DATA_DIR { "of every command" } else { "of `serve`" };
        let _ = writeln!(text, "- Elsewhere: `{}`, or `--{}` {option}.", table.variable(key), key.name);
    }
    let is_file = matches!(key.kind, Kind::Path | Kind::Secret) && key.name != DATA_DIR;
    if is_file {
        let _ = writeln!(text, "- Credential: `LoadCredential={}:/path/of/the/file` in the unit.", key.name);
    }
    let _ = match key.change {
        Change::Running => writeln!(text, "- A change counts while the server runs."),
        Change::Restart => writeln!(text, "- A change counts once the server is started again."),
    };
}
