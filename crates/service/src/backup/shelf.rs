//! A directory of backups that are made on a schedule: each has its own name, and the oldest go when there are too many.
//!
//! Only files of the same host or publisher, with exactly the names that are given here, are ever removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use keymuster_core::time::Timestamp;

use super::place::compact;

const SEALED: &str = ".backup.age";
const OPEN: &str = ".backup";
/// `20270115T080000Z`
const TIME_LEN: usize = 16;
/// As many digits of an id as tell the hosts of one place apart.
const ID_LEN: usize = 8;

/// The names of one server's backups.
pub(super) struct Shelf<'a> {
    directory: &'a Path,
    prefix: String,
}

impl Shelf<'_> {
    /// The backups of a program with this id in a directory.
    pub fn new<'a>(directory: &'a Path, program: &str, id: &str) -> Shelf<'a> {
        let id: String = id.chars().take(ID_LEN).collect();
        Shelf { directory, prefix: format!("{program}-{id}-") }
    }

    /// The file for a new one.
    pub fn place(&self, now: Timestamp, is_sealed: bool) -> PathBuf {
        let end = if is_sealed { SEALED } else { OPEN };
        self.directory.join(format!("{}{}{end}", self.prefix, compact(now)))
    }

    /// Removes the oldest beyond `keep`, and returns them.
    pub fn prune(&self, keep: usize) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.directory)? {
            let name = entry?.file_name();
            names.extend(name.into_string().ok().filter(|name| self.is_ours(name)));
        }
        names.sort_unstable();
        let old: Vec<PathBuf> =
            names[..names.len().saturating_sub(keep)].iter().map(|name| self.directory.join(name)).collect();
        old.iter().try_for_each(fs::remove_file)?;
        Ok(old)
    }

    fn is_ours(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.prefix);
        let time = rest.and_then(|rest| rest.strip_suffix(SEALED).or_else(|| rest.strip_suffix(OPEN)));
        let is_time = |time: &str| {
            let is_right = |(place, c): (usize, char)| match place {
                8 => c == 'T',
                15 => c == 'Z',
                _ => c.is_ascii_digit(),
            };
            time.len() == TIME_LEN && time.chars().enumerate().all(is_right)
        };
        time.is_some_and(is_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(directory.path(), "keymuster-host", "0123456789abcdef");
        let at = |day: u64| Timestamp::from_secs(1_800_000_000 + day * 86_400);
        let made: Vec<PathBuf> = (0..5).map(|day| shelf.place(at(day), day % 2 == 0)).collect();
        assert!(made[0].ends_with("keymuster-host-01234567-20270115T080000Z.backup.age"));
        let others = [
            "keymuster-host-01234567-20200115T080000Z.backup.age.part-7",
            "keymuster-host-01234567-before-the-move.backup.age",
            "keymuster-host-89abcdef-20200115T080000Z.backup.age",
            "keymuster-host-01234567-2020é115T08000Z.backup",
            "notes.txt",
        ];
        let all = made.iter().cloned().chain(others.map(|name| directory.path().join(name)));
        all.for_each(|path| fs::write(path, "").unwrap());
        assert_eq!(shelf.prune(2).unwrap(), made[..3]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2 + others.len());
        assert!(shelf.prune(2).unwrap().is_empty());
    }
}
