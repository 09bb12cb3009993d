//! `storybook`: every page in every state, with sample values, as files to look at.

use std::path::PathBuf;

use clap::Args;
use keymuster_service::console::assets;
use serde_json::json;

use super::Site;
use crate::error::Error;
use crate::output::Output;
use crate::pages;

/// The options of `storybook`.
#[derive(Debug, Args)]
pub struct Options {
    /// The directory to write to; it is made where there is none
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

impl Options {
    pub fn run(self, _: &Site) -> Result<Output, Error> {
        let samples = pages::samples().map_err(|error| Error::Environment(format!("cannot show a page: {error}")))?;
        let mut files = assets::files();
        files.extend(samples.into_iter().map(|(name, html)| (format!("{name}.html"), html)));
        for (name, text) in &files {
            let path = self.out.join(name.trim_start_matches('/'));
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = written.and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| Error::file("write", &path, &error))?;
        }
        let (count, out) = (files.len(), self.out.display());
        let text = format!("wrote {count} files; to look at them: python3 -m http.server --directory {out}");
        Ok(Output::new(json!({ "files": count }), text))
    }
}
