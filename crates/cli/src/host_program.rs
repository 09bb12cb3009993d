//! The host's own program, for a machine on which a host runs as well.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::failure::Failure;

/// `keymuster-host`, beside this program or on the search path.
#[derive(Debug)]
pub struct HostProgram {
    path: PathBuf,
}

impl HostProgram {
    /// The program, where it is installed.
    pub fn find() -> Option<HostProgram> {
        let name = format!("keymuster-host{}", env::consts::EXE_SUFFIX);
        let beside = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(&name)));
        let searched = env::var_os("PATH").unwrap_or_default();
        let mut places = beside.into_iter().chain(env::split_paths(&searched).map(|directory| directory.join(&name)));
        places.find(|path| path.is_file()).map(|path| HostProgram { path })
    }

    /// What `keymuster-host status --json` says, where there is a host that this user may look at.
    pub fn status(&self) -> Option<Value> {
        let output = self.output(&["status", "--json"], "").ok().filter(|output| output.status.success())?;
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Runs a command of the host with `input` as its standard input, and returns what it prints.
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<String, Failure> {
        let output = self.output(arguments, input).map_err(|why| Failure::file(&self.path, &why))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let exit = output.status.code().and_then(|code| u8::try_from(code).ok());
        Err(Failure::passed_on(&text(&output.stderr), exit))
    }

    fn output(&self, arguments: &[&str], input: &str) -> std::io::Result<Output> {
        let mut command = Command::new(&self.path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that refuses before it reads has said why on standard error.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    }
}
