//! `keymuster completions`: what lets a shell complete this command line.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use crate::answer::Answer;

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct Options {
    /// The shell that is to complete the command line.
    shell: Shell,
}

pub fn run(options: &Options, mut command: clap::Command) -> Answer {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut command, "keymuster", &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let json = json!({ "completions": text });
    Answer::new(text, json)
}
