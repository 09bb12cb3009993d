//! The 24 keys of the notebook, and the verdict on each: what Microsoft's lists say of them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::keys::{self, SetupKey};
use crate::table;

/// A key as the notebook has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The product.
    pub family: &'static str,
    /// The edition.
    pub edition: &'static str,
    /// The key.
    pub key: &'static str,
}

/// What the official list says of a key of the notebook.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same key for the same edition.
    Correct,
    /// The list has another key for this edition.
    Differs(&'static SetupKey),
    /// No list that was read names this product.
    NotVerified,
}

/// The keys in the order of the file.
pub fn all() -> &'static [Entry] {
    static ALL: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let rows = table::rows(include_str!("../data/notebook.csv"));
        rows.into_iter().map(|[family, edition, key, _, _]| Entry { family, edition, key }).collect()
    });
    &ALL
}

impl Entry {
    /// Compares it with the official lists.
    pub fn verdict(&self) -> Verdict {
        let of_edition = keys::all().iter().find(|key| key.family == self.family && key.edition == self.edition);
        match of_edition {
            Some(key) if key.key == self.key => Verdict::Correct,
            Some(key) => Verdict::Differs(key),
            None => Verdict::NotVerified,
        }
    }
}

impl Verdict {
    /// The verdict as one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Verdict::Correct => "correct".to_owned(),
            Verdict::Differs(key) => format!("differs: Microsoft's list has {}; use that one", key.key),
            Verdict::NotVerified => {
                "not verified: the notebook names no edition, and no official list was at hand".to_owned()
            }
        }
    }
}

/// The table of all keys with their verdicts, as Markdown.
pub fn markdown() -> String {
    let mut text = "| product | edition | key in the notebook | verdict |\n|---|---|---|---|\n".to_owned();
    for entry in all() {
        let verdict = entry.verdict().sentence();
        let _ = writeln!(text, "| {} | {} | `{}` | {verdict} |", entry.family, entry.edition, entry.key);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_differs_and_one_is_not_verified() {
        let verdicts: Vec<Verdict> = all().iter().map(Entry::verdict).collect();
        let count = |fits: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| fits(verdict)).count();
        assert_eq!(count(|verdict| *verdict == Verdict::Correct), 22);
        assert_eq!(count(|verdict| *verdict == Verdict::NotVerified), 1);
        assert_eq!(count(|verdict| matches!(verdict, Verdict::Differs(key) if key.last_five() == "9QCTX")), 1);
    }
}
