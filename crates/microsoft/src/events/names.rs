//! Names that occur again and again, each kept once and meant by a number.

use std::collections::HashMap;

/// The names, without regard to case: the first spelling is kept.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    bytes: usize,
}

/// All names together; half a million of usual ones take a third of it.
const BYTES_MAX: usize = 48 * 1024 * 1024;

impl Names {
    /// The number of a name; nothing where it is new and there are `max` already.
    pub fn number(&mut self, name: &str, max: usize) -> Option<u32> {
        // Most names come in small letters or were seen as they stand; only the others are turned.
        let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
        let folded = if has_capitals { Some(name.to_ascii_lowercase()) } else { None };
        let key = folded.as_deref().unwrap_or(name);
        if let Some(number) = self.numbers.get(key) {
            return Some(*number);
        }
        let has_room = self.names.len() < max && self.bytes + name.len() <= BYTES_MAX;
        let number = u32::try_from(self.names.len()).ok().filter(|_| has_room)?;
        self.bytes += name.len();
        self.numbers.insert(key.into(), number);
        self.names.push(name.into());
        Some(number)
    }

    /// The name of a number.
    pub fn name(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|place| self.names.get(place)).map_or("", |name| name)
    }
}

/// Whether two names can be those of one machine: the same, or one the other's without the domain.
pub fn are_one(a: &str, b: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    a.eq_ignore_ascii_case(b) || ((!a.contains('.') || !b.contains('.')) && label(a) == label(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_there_is_a_limit() {
        let mut names = Names::default();
        assert_eq!(
            [names.number("PC1", 2), names.number("pc1", 2), names.number("pc2", 2)],
            [Some(0), Some(0), Some(1)]
        );
        assert_eq!((names.number("pc3", 2), names.number("Pc1", 2)), (None, Some(0)));
        assert_eq!((names.name(0), names.name(7)), ("PC1", ""));
    }

    #[test]
    fn short_and_full_names_are_one_machine() {
        for (a, b, expected) in [
            ("pc1", "PC1", true),
            ("pc1", "pc1.example", true),
            ("pc1.a.example", "pc1.b.example", false),
            ("pc1", "pc2", false),
        ] {
            assert_eq!(are_one(a, b), expected, "{a} {b}");
        }
    }
}
