//! What was probably meant by a name that does not exist.

use strsim::levenshtein;

/// A sentence about a name that is not among those known, with the nearest one if there is a near one.
pub fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    match nearest(name, known) {
        Some(meant) => format!("there is no {what} {name:?}; did you mean {meant:?}?"),
        None => format!("there is no {what} {name:?}"),
    }
}

/// The one known name that goes on where `name` ends, as `tls-key-file` does after `tls-key`; or else, of those in which at most every second letter differs from `name`, the one with the fewest edits.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let known: Vec<&str> = known.into_iter().collect();
    let goes_on = |known: &&&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with(['-', '_', '.']));
    let mut going_on = known.iter().filter(goes_on);
    if let (Some(only), None) = (going_on.next(), going_on.next()) {
        return Some(only);
    }
    let measured = known.into_iter().map(|candidate| (levenshtein(name, candidate), candidate));
    let near = measured.filter(|(edits, candidate)| edits * 2 <= name.len().max(candidate.len()));
    near.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_proposed_and_far_ones_are_not() {
        assert_eq!(nearest("tls-key", ["tls-1.2", "tls-key-file"]), Some("tls-key-file"), "what goes on is nearer");
        assert_eq!(nearest("dns", ["dns-zones", "dns-key-file", "dnx"]), Some("dnx"), "unless several do");
        let known = ["grace", "window", "lease", "renew"];
        for (name, expected) in [
            ("graze", Some("grace")),
            ("leases", Some("lease")),
            ("windw", Some("window")),
            ("", None),
            ("retention", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("threshold", ["tls", "threshold.EDITION"]), Some("threshold.EDITION"), "no short stranger");
        assert_eq!(levenshtein("kitten", "sitting"), 3);
        assert_eq!(unknown("group", "oss", ["os"]), "there is no group \"oss\"; did you mean \"os\"?");
    }
}
