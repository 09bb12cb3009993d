//! The TOML of a configuration file, flattened: each value with its whole name, as text, and where it stands.
//!
//! Nested tables and dotted keys are the same thing to TOML, and so they are here: `tls-1.2 = true` is the key `tls-1.2`.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of the file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name, with dots between the parts.
    pub name: String,
    /// Where the last part of the name stands.
    pub at: usize,
    /// The value as text, or what it is instead of one.
    pub value: Result<String, &'static str>,
    /// Where that stands.
    pub value_at: usize,
}

/// Why the text is not TOML, and where.
#[derive(Debug)]
pub(super) struct NotToml {
    pub at: usize,
    pub message: String,
}

/// Reads what can be read; what is no TOML is told beside it.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<NotToml>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries = Vec::new();
    flatten(table.get_ref(), "", &mut entries);
    entries.sort_by_key(|entry| entry.at);
    let not_toml = |error: &toml::de::Error| NotToml {
        at: error.span().map_or(0, |Range { start, .. }| start),
        message: error.message().replace('\n', ", "),
    };
    let mut not_toml: Vec<NotToml> = errors.iter().map(not_toml).collect();
    not_toml.sort_by_key(|error| error.at);
    (entries, not_toml)
}

fn flatten(table: &DeTable<'_>, before: &str, entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let name = format!("{before}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => flatten(inner, &format!("{name}."), entries),
            _ => entries.push(Entry { name, at: key.span().start, value: text(value), value_at: value.span().start }),
        }
    }
}

/// A value in the words that a setting takes.
fn text(value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => {
            let read = i128::from_str_radix(number.as_str(), number.radix());
            read.map(|number| number.to_string()).map_err(|_| "a number too large for anything")
        }
        DeValue::Boolean(is_on) => Ok(if *is_on { "on" } else { "off" }.to_owned()),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(text).collect::<Result<_, _>>()?;
            // The comma is what stands between items where they are one text.
            if items.iter().any(|item| item.contains(',')) {
                Err("an array with commas in its texts")
            } else {
                Ok(items.join(","))
            }
        }
        DeValue::Float(_) => Err("a number with a fraction"),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Table(_) => Err("a table"),
    }
}

/// Line and column of a byte, both from 1; columns are counted in characters, as editors do.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_flattened_into_names_and_texts() {
        let text = "port = 0x698\n\"tls-1.2\" = true\nhelp-url = 'https://é.example'\nzones = [\"a\", \"b:1\"]\nrate = 1.5\n\
                    [publisher.aurora]\nthreshold.desk = 40 # people\n";
        let (entries, errors) = parse(text);
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                let (line, column) = position(text, entry.value_at);
                (entry.name.as_str(), entry.value.as_deref(), line, column)
            })
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            found,
            [
                ("port", Ok("1688"), 1, 8),
                ("tls-1.2", Ok("on"), 2, 13),
                ("help-url", Ok("https://é.example"), 3, 12),
                ("zones", Ok("a,b:1"), 4, 9),
                ("rate", Err(&"a number with a fraction"), 5, 8),
                ("publisher.aurora.threshold.desk", Ok("40"), 7, 18),
            ]
        );
        assert_eq!(parse("tls-1.2 = true").0[0].name, "tls-1.2", "without quotation marks as well");
    }

    #[test]
    fn every_line_that_is_no_toml_is_told() {
        let text = "port = \nadmin-listen = \"127.0.0.1:1\nlisten = [\n";
        let (_, errors) = parse(text);
        let lines: Vec<usize> = errors.iter().map(|error| position(text, error.at).0).collect();
        assert!(lines.len() >= 2 && lines.starts_with(&[1, 2]), "{errors:?}");
        assert!(!parse("port = 1\nport = 2\n").1.is_empty(), "twice");
    }
}
