//! `keymuster manual`: the manual pages of this program, one for each command.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// Options of `manual`.
#[derive(Debug, Args)]
pub struct Options {
    /// The directory to write to, such as /usr/local/share/man/man1; it is made where there is none.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

pub fn run(options: &Options, command: clap::Command) -> Result<Answer, Failure> {
    let directory = &options.directory;
    let written = std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
    written.map_err(|why| Failure::file(directory, &why))?;
    Ok(Answer::new(format!("The manual is in {}.", directory.display()), json!({ "directory": directory })))
}
