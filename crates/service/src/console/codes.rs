//! The catalogue of stable codes, as pages and as JSON: what a refusal means, why it happens and what to do.

pub mod api;
pub mod page;

use keymuster_core::codes::{self, Code};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bounded;

/// One code.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Code)]
pub struct Explained {
    /// For the telephone: `KM-201`.
    pub id: String,
    /// For programs: `threshold-not-met`.
    pub name: &'static str,
    /// `refusal` or `failure`.
    pub kind: String,
    /// The HTTP status that it is sent with; nothing where it is never sent.
    pub status: Option<u16>,
    /// What happened.
    pub sentence: &'static str,
    /// Why it happens, the likeliest cause first.
    pub causes: &'static [&'static str],
    /// How to find out which cause it is.
    pub checks: &'static [&'static str],
    /// What to do.
    pub remedy: &'static str,
    /// What administrators of Microsoft KMS know it as.
    pub known_as: &'static [&'static str],
}

impl From<&'static Code> for Explained {
    fn from(code: &'static Code) -> Explained {
        Explained {
            id: format!("KM-{}", code.number),
            name: code.name,
            kind: code.kind.to_string(),
            status: (code.status > 0).then_some(code.status),
            sentence: code.sentence,
            causes: code.causes,
            checks: code.checks,
            remedy: code.remedy,
            known_as: code.known_as,
        }
    }
}

/// Which codes are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that the texts of a code contain, a number, a code of Microsoft KMS, or a line of a log.
    #[param(max_length = 500)]
    #[serde(deserialize_with = "bounded::text::<500, _>")]
    pub search: String,
}

/// The code that a text names beyond doubt, or that a line of a log carries.
pub fn named(text: &str) -> Option<&'static Code> {
    if text.trim().is_empty() { None } else { codes::find(text) }
}

/// Whether the texts of a code contain all words of `search`, in any case.
fn contains(code: &Code, search: &str) -> bool {
    let texts = [code.name, code.sentence, code.remedy];
    let texts = texts.iter().chain(code.causes).chain(code.checks).chain(code.known_as);
    let mut all = format!("{code} km{}", code.number);
    for text in texts {
        all = all + " " + text;
    }
    let all = all.to_lowercase();
    search.to_lowercase().split_whitespace().all(|word| all.contains(word))
}

/// The codes that a search finds: that which it names first, then all that contain its words.
pub fn search(search: &str) -> Vec<&'static Code> {
    let named = named(search);
    let others = codes::all().filter(|code| contains(code, search) && named != Some(code));
    named.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_by_all_that_people_have_of_them() {
        for (text, first) in [
            ("KM-201", Some("threshold-not-met")),
            ("201", Some("threshold-not-met")),
            ("0xC004F038", Some("threshold-not-met")),
            ("refused code=threshold-not-met count=3", Some("threshold-not-met")),
            ("Primary SERVER tsig", None),
            ("idempotency another", Some("idempotency-key-reused")),
            ("zzz", None),
        ] {
            assert_eq!(search(text).first().map(|code| code.name), first, "{text}");
        }
        assert_eq!(search("").len(), codes::all().count());
    }
}
