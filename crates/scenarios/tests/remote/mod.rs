//! An administrator at a command line elsewhere: `keymuster host` with the address of a host and a token in a file.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use keymuster_scenarios::programs;

/// Every scope of a token.
pub const ALL: [&str; 5] = ["look", "handle", "keys", "settings", "accounts"];

/// Exit code, standard output, standard error.
pub type Said = (i32, String, String);

pub struct Administrator {
    pub url: String,
    pub token_file: PathBuf,
}

impl Administrator {
    /// Runs a command whose words have no spaces, and says nothing to it.
    pub fn says(&self, arguments: &str) -> Said {
        self.hears(arguments, "")
    }

    /// Runs a command with a line on its standard input.
    pub fn hears(&self, arguments: &str, input: &str) -> Said {
        let mut command = programs::command("keymuster").unwrap();
        command.env("KEYMUSTER_HOST_URL", &self.url).env("KEYMUSTER_HOST_TOKEN_FILE", &self.token_file);
        command.arg("host").args(arguments.split(' '));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that needs no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs a command that has to end well; what it says on standard output.
    #[track_caller]
    pub fn does(&self, arguments: &str) -> String {
        let (exit, out, err) = self.says(arguments);
        assert_eq!(exit, 0, "{arguments}: {out}{err}");
        out
    }
}

/// Writes a file for its owner alone.
pub fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
