//! What was probably meant by a name that does not exist.

use strsim::levenshtein;

/// A sentence about a name that is not among those known, with the nearest one if there is a near one.
pub fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    match nearest(name, known) {
        Some(meant) => format!("there is no {what} {name:?}; did you mean {meant:?}?"),
        None => format!("there is no {what} {name:?}"),
    }
}

/// The known name with the fewest edits to `name`, if at most every second letter differs.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let measured = known.into_iter().map(|candidate| (levenshtein(name, candidate), candidate));
    let (edits, candidate) = measured.min_by_key(|(edits, _)| *edits)?;
    (edits * 2 <= name.len().max(candidate.len())).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_proposed_and_far_ones_are_not() {
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
        assert_eq!(levenshtein("kitten", "sitting"), 3);
        assert_eq!(unknown("group", "oss", ["os"]), "there is no group \"oss\"; did you mean \"os\"?");
    }
}
