//! What is said of machines of a list that are not reached, do not answer, or answer something else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keymuster_core::codes;
use keymuster_scenarios::programs;
use tempfile::TempDir;

use super::Row;
use super::site::said;

/// A directory with an invented `ssh`.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { directory: tempfile::tempdir().unwrap() }
    }

    /// What the command says of a list with one machine, where this shell command stands for `ssh`.
    fn listed(&self, ssh: &str) -> String {
        let (program, list) = (self.directory.path().join("ssh"), self.directory.path().join("list.csv"));
        fs::write(&program, format!("#!/bin/sh\n{ssh}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(&list, "machine\nremote\n").unwrap();
        let mut command = programs::command("keymuster").unwrap();
        command.args(["status", "--time-limit", "1", "--from"]).arg(list).arg("--ssh").arg(program);
        said(command.env("KEYMUSTER_STORE", self.directory.path()), "")
    }
}

pub const ROWS: &[Row<Place>] = &[
    (&codes::MACHINE_UNREACHABLE, |place| place.listed("echo 'Permission denied (publickey).' >&2; exit 255")),
    (&codes::MACHINE_ANSWER_UNKNOWN, |place| place.listed("echo '{}'")),
    (&codes::MACHINE_TOO_SLOW, |place| place.listed("exec tail -f /dev/null")),
];
