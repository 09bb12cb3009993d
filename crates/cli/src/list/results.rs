//! The results of a list as a list: the same machines, with what came of each, to be edited and fed in again.
//!
//! A spreadsheet takes some texts for formulas. What other machines said never begins as one does, and what names a
//! machine cannot.

use super::{Column, Row};

/// What follows the columns that name a machine; a reader skips these.
pub(super) const COLUMNS: [&str; 5] = ["key_ends_in", "result", "code", "message", "remedy"];

/// What begins a formula in a spreadsheet, also in the full width of East Asian keyboards.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// One row with its result.
#[derive(Debug)]
pub struct Written<'a> {
    /// The machine.
    pub row: &'a Row,
    /// How it ended, in one word.
    pub result: &'a str,
    /// The name of the code, if there is one.
    pub code: &'a str,
    /// What happened.
    pub message: &'a str,
    /// What to do.
    pub remedy: &'a str,
}

/// The file. Of a key only the last five symbols are written.
pub fn write(all: &[Written<'_>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let named = Column::ALL.into_iter().filter(|column| *column != Column::Key);
    let header = named.clone().map(Column::name).chain(COLUMNS);
    let mut outcome = writer.write_record(header);
    for one in all {
        let key = one.row.key.as_ref().map(|key| key.last_five()).unwrap_or_default();
        let said = [&key, one.result, one.code, one.message, one.remedy].map(harmless);
        outcome =
            outcome.and_then(|()| writer.write_record(named.clone().map(|column| value(one.row, column)).chain(said)));
    }
    outcome.expect("memory takes every record, and all have the same length");
    writer.into_inner().expect("memory takes every record")
}

fn value(row: &Row, column: Column) -> String {
    fn text(value: Option<&impl ToString>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    match column {
        Column::Machine => row.place.to_string(),
        Column::Publisher => text(row.publisher.as_ref()),
        Column::Edition => text(row.edition.as_ref()),
        Column::Store => text(row.store.as_ref()),
        Column::Host => text(row.host.as_ref()),
        Column::Key => String::new(),
    }
}

/// One line that begins no formula.
fn harmless(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.trim_start() {
        formula if formula.starts_with(FORMULA_STARTS) => format!("'{formula}"),
        _ => line,
    }
}
