//! The catalogue of stable codes: what each refusal and failure means, why it happens and what to do.
//!
//! A number or a name that was released keeps its meaning for ever: support desks, scripts and help pages cite it.
//! The texts live in one file per hundred; `docs/reference/codes.md` is generated from them.

use std::fmt::{self, Write as _};

use crate::id::Slug;

/// Defines the codes of one hundred, in ascending order, and lists them.
///
/// The syntax has one text per line, and a code without a cause, a check or a remedy does not compile.
macro_rules! codes {
    ($(
        $ident:ident: $number:literal $name:literal $kind:ident $status:literal {
            sentence: $sentence:literal,
            $(cause: $cause:literal,)+
            $(check: $check:literal,)+
            remedy: $remedy:literal,
            $(known_as: $known_as:literal,)*
        }
    )+) => {
        $(
            #[doc = concat!("KM-", $number, " ", $name, ": ", $sentence, ".")]
            pub static $ident: $crate::codes::Code = $crate::codes::Code {
                number: $number,
                name: $name,
                kind: $crate::codes::CodeKind::$kind,
                status: $status,
                sentence: $sentence,
                causes: &[$($cause),+],
                checks: &[$($check),+],
                remedy: $remedy,
                known_as: &[$($known_as),*],
            };
        )+

        pub(super) static ALL: &[&$crate::codes::Code] = &[$(&$ident),+];

        #[cfg(test)]
        pub(super) static IDENTIFIERS: &[(&str, &str)] = &[$((stringify!($ident), $name)),+];
    };
}

mod authority;
mod client;
mod documents;
mod host;
mod keys;
mod operation;
mod reference;

pub use authority::*;
pub use client::*;
pub use documents::*;
pub use host::*;
pub use keys::*;
pub use operation::*;
pub use reference::reference_markdown;

/// The hundreds in ascending order, each with the title of its chapter in the reference.
static CHAPTERS: [(&str, &[&Code]); 6] = [
    ("1xx: product keys, found before anything is sent", keys::ALL),
    ("2xx: the host refuses", host::ALL),
    ("3xx: the authority refuses", authority::ALL),
    ("4xx: the servers and their databases", operation::ALL),
    ("5xx: the client cannot get or keep a lease, a host its entitlement, or a list its machines", client::ALL),
    ("6xx: a signed document cannot be read or does not verify", documents::ALL),
];

/// What the `type` of a problem begins with; the code's name follows.
const URN_PREFIX: &str = "urn:keymuster:code:";

/// One stable code: how programs name a refusal or failure, and what people need to know about it.
///
/// All texts begin in lower case and end without a full stop, so that they fit into messages and log lines.
///
/// ```
/// use keymuster_core::codes;
/// let code = &codes::THRESHOLD_NOT_MET;
/// assert_eq!(code.to_string(), "KM-201 threshold-not-met");
/// assert_eq!(codes::find("refused: code=threshold-not-met count=12 need=25"), Some(code));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The number behind `KM-`; its hundred says where the code belongs.
    pub number: u16,
    /// The name in kebab case, as it stands in problem details, logs and metrics.
    pub name: &'static str,
    /// Whether the rules said no or the outside world failed.
    pub kind: CodeKind,
    /// The HTTP status that the code is sent with, 0 if it is never sent.
    pub status: u16,
    /// What happened, in one sentence for people.
    pub sentence: &'static str,
    /// Why it happens, the likeliest cause first.
    pub causes: &'static [&'static str],
    /// How to find out which cause it is.
    pub checks: &'static [&'static str],
    /// What to do about it.
    pub remedy: &'static str,
    /// The codes that an administrator of Microsoft KMS knows for the same situation, the usual one first.
    pub known_as: &'static [&'static str],
}

/// Who says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// A normal answer of the rules: everything works, and the answer is no.
    Refusal,
    /// The outside world: a disk, a network, a clock, damaged or mistyped input.
    Failure,
}

impl Code {
    /// Whether an administrator of Microsoft KMS knows the same situation as `text`, such as `0xC004F038`.
    pub fn is_known_as(&self, text: &str) -> bool {
        self.known_as.iter().any(|known_as| known_as.eq_ignore_ascii_case(text))
    }

    /// The name, as documents carry it.
    pub fn slug(&self) -> Slug {
        self.name.parse().unwrap_or_else(|_| unreachable!("the name of every code is a slug"))
    }

    /// The `type` of the problem details that carry this code, such as `urn:keymuster:code:threshold-not-met`.
    pub fn urn(&self) -> String {
        format!("{URN_PREFIX}{}", self.name)
    }

    /// Everything about this code in several lines for people, ending with a line break.
    pub fn explain(&self) -> String {
        let mut text = format!("{self}: {}\n\nCauses, the likeliest first:\n", self.sentence);
        for (place, cause) in (1..).zip(self.causes) {
            let _ = writeln!(text, "  {place}. {cause}");
        }
        text.push_str("\nTo check:\n");
        for check in self.checks {
            let _ = writeln!(text, "  - {check}");
        }
        let _ = writeln!(text, "\nWhat to do:\n  {}", self.remedy);
        if !self.known_as.is_empty() {
            let _ = writeln!(text, "\nAdministrators of Microsoft KMS know this as {}.", self.known_as.join(" or "));
        }
        text
    }
}

/// `KM-201 threshold-not-met`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KM-{} {}", self.number, self.name)
    }
}

/// `refusal` or `failure`.
impl fmt::Display for CodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodeKind::Refusal => "refusal",
            CodeKind::Failure => "failure",
        })
    }
}

/// The chapters, each a title and its codes, in ascending order.
pub fn chapters() -> impl Iterator<Item = (&'static str, &'static [&'static Code])> {
    CHAPTERS.iter().copied()
}

/// Every code, in ascending order of numbers.
pub fn all() -> impl Iterator<Item = &'static Code> {
    CHAPTERS.iter().flat_map(|(_, codes)| codes.iter().copied())
}

/// The code that `text` names, or the first one inside a pasted log line.
///
/// Understood are `KM-201`, `km201`, the bare number `201`, the name, the URN and the code of Microsoft KMS.
/// In a longer text an unmistakable mark (`KM-201`, `code=NAME`, the URN, `0x…`) wins over a bare name before it, and a
/// hyphenated name over one that is also an ordinary word, such as `expired`.
/// Where two codes share a counterpart in Microsoft KMS, the lower number is found.
pub fn find(text: &str) -> Option<&'static Code> {
    let words = || {
        text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
            .map(|word| word.trim_matches('-'))
            .filter(|word| !word.is_empty())
    };
    let pairs = || std::iter::once("").chain(words()).zip(words());
    text.trim()
        .parse()
        .ok()
        .and_then(numbered)
        .or_else(|| pairs().find_map(|(before, word)| marked(before, word)))
        .or_else(|| words().filter(|word| word.contains('-')).find_map(named))
        .or_else(|| words().find_map(named))
}

/// The code that `word` marks beyond doubt; a name does so after the word `code`, as in logs, JSON and the URN.
fn marked(before: &str, word: &str) -> Option<&'static Code> {
    if before.eq_ignore_ascii_case("code")
        && let Some(code) = named(word)
    {
        return Some(code);
    }
    match word.split_at_checked(2)? {
        (km, rest) if km.eq_ignore_ascii_case("km") => numbered(rest.strip_prefix('-').unwrap_or(rest).parse().ok()?),
        _ => all().find(|code| code.is_known_as(word)),
    }
}

fn numbered(number: u16) -> Option<&'static Code> {
    all().find(|code| code.number == number)
}

fn named(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn texts(code: &Code) -> impl Iterator<Item = &'static str> {
        [code.sentence, code.remedy].into_iter().chain(code.causes.iter().copied()).chain(code.checks.iter().copied())
    }

    #[test]
    fn numbers_ascend_within_their_hundreds() {
        assert!(all().map(|code| code.number).is_sorted_by(|a, b| a < b));
        for (title, codes) in CHAPTERS {
            let hundred: u16 = title.split_once("xx").unwrap().0.parse().unwrap();
            assert!(codes.iter().all(|code| code.number / 100 == hundred), "{title}");
        }
    }

    #[test]
    fn names_are_unique_and_match_their_constants() {
        let modules = [
            keys::IDENTIFIERS,
            host::IDENTIFIERS,
            authority::IDENTIFIERS,
            operation::IDENTIFIERS,
            client::IDENTIFIERS,
            documents::IDENTIFIERS,
        ];
        let mut seen = BTreeSet::new();
        for (identifier, name) in modules.into_iter().flatten() {
            assert!(seen.insert(*name), "{name} occurs twice");
            assert!(
                name.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase())),
                "{name}"
            );
            assert_eq!(identifier.to_ascii_lowercase().replace('_', "-"), *name);
        }
        assert_eq!(seen.len(), all().count());
    }

    #[test]
    fn refusals_carry_the_status_of_an_answer() {
        for code in all() {
            let fits = match code.kind {
                CodeKind::Refusal => matches!(code.status, 400..=499 | 503),
                CodeKind::Failure => matches!(code.status, 0 | 408 | 422 | 500 | 502 | 503),
            };
            assert!(fits, "{code} with status {}", code.status);
        }
    }

    #[test]
    fn texts_fit_into_messages() {
        for code in all() {
            assert!(!code.causes.is_empty() && !code.checks.is_empty(), "{code}");
            for text in texts(code) {
                let first = text.split(' ').next().unwrap();
                let abbreviation = first.len() > 1 && first.bytes().all(|b| b.is_ascii_uppercase());
                assert!(text.starts_with(|c: char| c.is_ascii_lowercase()) || abbreviation, "{code}: {text:?}");
                assert!(!text.ends_with(['.', ' ']) && !text.contains("  "), "{code}: {text:?}");
                assert!(text.matches('`').count().is_multiple_of(2), "{code}: {text:?}");
            }
        }
    }

    /// What this version does not have; a text that mentions it sends people in vain.
    #[test]
    fn texts_promise_nothing_that_is_not_there() {
        for code in all() {
            for text in texts(code) {
                for absent in ["quarantine", "audit log"] {
                    assert!(!text.contains(absent), "{code}: {text:?}");
                }
            }
        }
    }

    #[test]
    fn every_code_is_found_by_all_its_forms() {
        for code in all() {
            let Code { number, name, .. } = code;
            for text in [
                format!("KM-{number}"),
                format!("km{number}"),
                format!(" {number}\n"),
                name.to_uppercase(),
                code.urn(),
                code.to_string(),
                format!("level=warn msg=\"host-busy: no lease\" code={name} retry_after=7200"),
                format!("{{\"type\":\"{}\",\"status\":{}}}", code.urn(), code.status),
                format!("[KM-{number}] see threshold-not-met"),
            ] {
                assert_eq!(find(&text), Some(code), "{text:?}");
            }
            for known_as in code.known_as {
                assert!(find(known_as).unwrap().is_known_as(known_as), "{known_as}");
            }
        }
    }

    #[test]
    fn the_first_mark_in_a_text_is_found() {
        for (text, expected) in [
            ("Error: 0xc004f038 The count is insufficient.", Some(201)),
            ("0xC004F050", Some(102)),
            ("first KM-202, then KM-201", Some(202)),
            ("host refused (threshold-not-met), retry in 2 h", Some(201)),
            ("the lease is expired: clock-skew", Some(203)),
            ("the lease is expired", Some(607)),
            ("\"code\": \"revoked\", \"next\": \"KM-201\"", Some(609)),
            ("code=unheard-of KM-201", Some(201)),
            ("status code: 403", None),
            ("retry 201 of 500", None),
            ("threshold-not-met-yet", None),
            ("my_clock-skew", None),
            ("KM-999 KM- km", None),
            ("999", None),
            ("é1 ß 0x", None),
            ("", None),
        ] {
            assert_eq!(find(text).map(|code| code.number), expected, "{text:?}");
        }
    }

    #[test]
    fn an_explanation_says_everything() {
        let text = THRESHOLD_NOT_MET.explain();
        assert!(text.starts_with("KM-201 threshold-not-met: too few different clients"), "{text}");
        assert!(text.ends_with("know this as 0xC004F038.\n"), "{text}");
        for code in all() {
            let explanation = code.explain();
            assert!(
                texts(code).chain(code.known_as.iter().copied()).all(|text| explanation.contains(text)),
                "{explanation}"
            );
        }
    }
}
