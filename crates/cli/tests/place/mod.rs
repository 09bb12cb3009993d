//! A machine for the tests of the command: a directory with the publisher's files, and the real program in it.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::Publisher;

/// A machine of its own, on which product and publisher are files.
pub struct Place {
    pub directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let place = Place { directory: tempfile::tempdir().unwrap() };
        place.write("aurora.trust", Publisher::aurora().trust().to_string().as_bytes());
        place.write("aurora.pack", &Publisher::aurora().pack());
        place
    }

    /// One on which the product is known.
    pub fn with_product() -> Place {
        let place = Place::new();
        place.check("add --trust aurora.trust --pack aurora.pack desk-pro-2026", 0, &["in grace until"], &[]);
        place
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.directory.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keymuster"));
        command.args(arguments.split_whitespace()).current_dir(self.directory.path());
        for variable in ["KEYMUSTER_HOST", "KEYMUSTER_DOMAIN", "KEYMUSTER_DNS"] {
            command.env_remove(variable);
        }
        command.env("KEYMUSTER_STORE", self.directory.path().join("store"));
        // Nobody answers there, so that no test asks the network's own name servers.
        command.env("KEYMUSTER_DNS", "127.0.0.1:9").env("KEYMUSTER_DOMAIN", "keymuster.invalid");
        command
    }

    pub fn check(&self, arguments: &str, exit: i32, stdout: &[&str], stderr: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        check_output(arguments, &output, exit, stdout, stderr)
    }

    pub fn check_with_input(&self, arguments: &str, input: &[u8], exit: i32, stdout: &[&str]) -> String {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        check_output(arguments, &child.wait_with_output().unwrap(), exit, stdout, &[])
    }
}

pub fn check_output(arguments: &str, output: &Output, exit: i32, stdout: &[&str], stderr: &[&str]) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let whole = format!("{arguments}\nexit {:?}\n{out}\n--\n{err}", output.status.code());
    assert_eq!(output.status.code(), Some(exit), "{whole}");
    for (text, fragments) in [(&out, stdout), (&err, stderr)] {
        // Columns may be as wide as they like.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for fragment in fragments {
            assert!(text.contains(fragment), "{fragment:?} is missing: {whole}");
        }
    }
    if exit != 0 && exit != 4 && !arguments.starts_with("inspect") {
        assert_eq!(out, "", "an error leaves standard output alone: {whole}");
    }
    out.into_owned()
}
