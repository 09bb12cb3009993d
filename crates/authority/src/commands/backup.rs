//! `backup`: everything of the authority in one sealed file, and back.

use keymuster_service::backup::{self, BackupCommand};
use keymuster_service::console::commands::Said;

use super::Site;
use crate::backup::CONTENTS;
use crate::error::Error;
use crate::output::Output;

/// Runs a command.
pub fn run(site: &Site, command: &BackupCommand) -> Result<Output, Error> {
    let Said { json, text, note } = backup::run(&CONTENTS, site.dir.path(), command, &site.env)?;
    let output = Output::new(json, text);
    Ok(if note.is_empty() { output } else { output.note(note.trim_end()) })
}
