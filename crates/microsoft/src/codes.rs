//! Codes of Windows' and Office's activation, each with what it means, why, how to check, and what to do.
//!
//! Of many codes only the name is public; what is true of their whole family is said of them, and that it is so.

use std::sync::LazyLock;

use crate::table::{self, several};

/// A code, and what is known of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The code, as an HRESULT.
    pub number: u32,
    /// Its name in Windows' headers, or `-`.
    pub name: &'static str,
    /// Whom it concerns: KMS clients, KMS hosts, machines with a MAK.
    pub who: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// Why it happens, the likeliest first.
    pub causes: Vec<&'static str>,
    /// How to find out which cause it is.
    pub checks: Vec<&'static str>,
    /// What to do.
    pub remedies: Vec<&'static str>,
    /// Where the facts come from.
    pub source: &'static str,
    /// The date of that source.
    pub date: &'static str,
    /// Whether only the name is documented, so that the rest is about its family.
    pub is_name_only: bool,
}

/// Every code that is known.
pub fn all() -> &'static [Code] {
    static ALL: LazyLock<Vec<Code>> = LazyLock::new(|| explained().into_iter().chain(named()).collect());
    &ALL
}

/// The code of this number. `0x4004F065` and `0xC004F065` are the same, as documents and headers differ there.
pub fn find(number: u32) -> Option<&'static Code> {
    let number = if number == 0x4004_F065 { 0xC004_F065 } else { number };
    all().iter().find(|code| code.number == number)
}

/// The code with this name, such as `SL_E_VL_NOT_ENOUGH_COUNT`.
pub fn by_name(name: &str) -> Option<&'static Code> {
    all().iter().find(|code| code.name != "-" && code.name.eq_ignore_ascii_case(name))
}

/// Names and numbers that resemble a text most.
pub fn nearest(text: &str) -> Vec<&'static Code> {
    let text: String = text.trim().to_ascii_uppercase().chars().take(NAME_MAX).collect();
    let mut codes: Vec<&Code> = all().iter().collect();
    codes.sort_by_cached_key(|code| {
        let number = format!("{:08X}", code.number);
        strsim::levenshtein(&text, code.name).min(strsim::levenshtein(text.trim_start_matches("0X"), &number))
    });
    codes.truncate(3);
    codes
}

/// No name is longer.
const NAME_MAX: usize = 64;

fn explained() -> Vec<Code> {
    let rows = table::rows(include_str!("../data/codes.csv"));
    let code = |[number, name, who, meaning, causes, checks, remedies, source, date]: [&'static str; 9]| Code {
        number: hexadecimal(number),
        name,
        who,
        meaning,
        causes: several(causes),
        checks: several(checks),
        remedies: several(remedies),
        source,
        date,
        is_name_only: false,
    };
    rows.into_iter().map(code).collect()
}

fn named() -> Vec<Code> {
    let families = table::rows::<7>(include_str!("../data/families.csv"));
    let code = |[number, name, family, source, date]: [&'static str; 5]| {
        let row = families.iter().find(|row| row[0] == family).expect("a test looks for every family");
        let [_, meaning, causes, checks, remedies, ..] = *row;
        Code {
            number: hexadecimal(number),
            name,
            who: "all",
            meaning,
            causes: several(causes),
            checks: several(checks),
            remedies: several(remedies),
            source,
            date,
            is_name_only: true,
        }
    };
    table::rows(include_str!("../data/names.csv")).into_iter().map(code).collect()
}

fn hexadecimal(text: &str) -> u32 {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u32::from_str_radix(digits, 16).expect("a test reads every code")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_says_what_to_do() {
        let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
        for code in all() {
            assert!(numbers.insert(code.number), "twice: {code:?}");
            assert!(code.name == "-" || names.insert(code.name), "twice: {code:?}");
            assert!(code.number >= 0x4000_0000, "{code:?}");
            let lists = [&code.causes, &code.checks, &code.remedies];
            assert!(!code.meaning.is_empty() && lists.iter().all(|list| !list.is_empty()), "{code:?}");
            for sentence in lists.into_iter().flatten().chain([&code.meaning]) {
                assert!(!sentence.ends_with('.') && !sentence.contains("  "), "{code:?}: {sentence}");
            }
        }
        assert_eq!(find(0x4004_F065), find(0xC004_F065));
    }

    #[test]
    fn a_mistyped_name_is_found() {
        assert_eq!(nearest("SL_E_VL_NOT_ENUOGH_COUNT")[0].number, 0xC004_F038);
        assert_eq!(nearest("0xC004F039x")[0].number, 0xC004_F039);
    }
}
