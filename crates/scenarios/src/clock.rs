//! Clocks of real programs that are put while they run (libfaketime). Only what tells the time of day is changed; time
//! limits go by another clock, and so do files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

/// The clock of one program, or of several that share it.
#[derive(Debug)]
pub struct Clock {
    file: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// A clock that is right until it is put; `file` says how it differs.
    pub fn new(file: PathBuf) -> anyhow::Result<Clock> {
        let clock = Clock { file, library: library()? };
        clock.put("+0")?;
        Ok(clock)
    }

    /// Puts it by so much from the true time: `+2d`, `-3h`.
    pub fn put(&self, by: &str) -> anyhow::Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{by}\n"))?;
        // A program that looks at this moment sees one or the other.
        fs::rename(&new, &self.file).context("cannot put the clock")
    }

    /// Has a program go by this clock from its start on.
    pub fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("NO_FAKE_STAT", "1")]);
    }
}

fn library() -> anyhow::Result<PathBuf> {
    let places = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    places.into_iter().find(|path| path.exists()).context("no libfaketime: run `cargo xtask setup`")
}
