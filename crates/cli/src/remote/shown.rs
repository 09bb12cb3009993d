//! What a host answered, for people: rows in columns that line up, or facts one below the other.

use std::fmt::Write as _;

use keymuster_core::time::Timestamp;
use serde_json::Value;

/// How the names of members end that are times.
const TIMES: [&str; 9] = ["at", "since", "until", "expires", "asked", "after", "issued", "exported", "answered"];

/// A column: its head, and where its cells are in a row, as a JSON pointer without the first slash.
pub type Column = (&'static str, &'static str);

/// Rows as a table. Columns that no row has are left out; where none is left, the rows' own members are the columns.
pub fn table(rows: &[Value], columns: &[Column], if_empty: &str) -> String {
    if rows.is_empty() {
        return format!("{if_empty}\n");
    }
    let has = |pointer: &str| rows.iter().any(|row| row.pointer(&format!("/{pointer}")).is_some_and(|v| !v.is_null()));
    let mut columns: Vec<(String, String)> = columns
        .iter()
        .filter(|(_, pointer)| has(pointer))
        .map(|(head, pointer)| ((*head).to_owned(), (*pointer).to_owned()))
        .collect();
    if columns.is_empty() {
        columns = own_columns(&rows[0]);
    }
    let cell = |row: &Value, pointer: &str| word(pointer, row.pointer(&format!("/{pointer}")).unwrap_or(&Value::Null));
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, pointer)| cell(row, pointer)).collect()).collect();
    let heads: Vec<String> = columns.into_iter().map(|(head, _)| head).collect();
    lined_up(&heads, &cells)
}

fn own_columns(row: &Value) -> Vec<(String, String)> {
    let members = row.as_object().into_iter().flatten();
    let scalar = members.filter(|(_, value)| !value.is_object() && !value.is_array());
    scalar.map(|(name, _)| (name.to_uppercase().replace('_', " "), name.clone())).collect()
}

fn lined_up(heads: &[String], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    line(heads) + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// Everything in a value, one fact a line, what belongs to a fact below it.
pub fn facts(value: &Value) -> String {
    let mut text = String::new();
    below(&mut text, value, 0);
    text
}

fn below(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    for (name, value) in value.as_object().into_iter().flatten() {
        let label = name.replace('_', " ");
        match value {
            Value::Null => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Object(_) => {
                let _ = writeln!(text, "{indent}{label}:");
                below(text, value, depth + 1);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let _ = writeln!(text, "{indent}{label}:");
                for item in items {
                    let mut one = String::new();
                    below(&mut one, item, depth + 2);
                    // The first line of each item has its mark.
                    let mark = "  ".repeat(depth + 1) + "- ";
                    text.push_str(&mark);
                    text.push_str(one.trim_start());
                }
            }
            value => {
                let _ = writeln!(text, "{indent}{label}: {}", word(name, value));
            }
        }
    }
}

/// A value in a word; members that are times by their names are shown as times.
fn word(pointer: &str, value: &Value) -> String {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let is_time =
        TIMES.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')));
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::String(text) => one_line(text),
        Value::Number(number) => match number.as_u64().filter(|_| is_time) {
            Some(secs) => Timestamp::from_secs(secs).to_string(),
            None => number.to_string(),
        },
        Value::Array(items) => items.iter().map(|item| word(pointer, item)).collect::<Vec<_>>().join(", "),
        Value::Object(_) => value.to_string(),
    }
}

/// What a host says may hold what somebody else wrote, such as the name of a machine: nothing in it moves the cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_line_up_and_times_are_times() {
        let rows = [json!({ "name": "a", "used_at": 0, "scopes": ["look", "keys"] }), json!({ "name": "longer" })];
        let columns = [("NAME", "name"), ("USED", "used_at"), ("SCOPES", "scopes"), ("NONE", "nothing")];
        assert_eq!(
            table(&rows, &columns, "none"),
            "NAME    USED                  SCOPES\n\
             a       1970-01-01T00:00:00Z  look, keys\n\
             longer  -                     -\n"
        );
        assert_eq!(table(&rows[1..], &[("X", "x")], "none"), "NAME\nlonger\n");
        assert_eq!(table(&[], &columns, "none"), "none\n");
        assert_eq!(table(&[json!({ "name": "a\u{1b}[2J\nb" })], &columns, ""), "NAME\na [2J b\n");
    }

    #[test]
    fn facts_stand_below_what_they_belong_to() {
        let value = json!({ "host": "h", "left": null, "none": [], "zones": [{ "name": "z", "own": true }], "ledger": { "at": 1 } });
        assert_eq!(facts(&value), "host: h\nzones:\n  - name: z\n    own: yes\nledger:\n  at: 1970-01-01T00:00:01Z\n");
    }
}
