//! `catalogue check`: reads a catalogue file and says what is wrong with it. Needs no authority, so it can run anywhere.

use std::path::{Path, PathBuf};

use clap::Args;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::document::{self, Document as _};
use keymuster_core::time::Timestamp;
use serde_json::json;

use super::Site;
use crate::catalogue_toml::{self, SetupKeys};
use crate::data_dir::read_text;
use crate::error::Error;
use crate::output::Output;
use crate::pack;

/// The options of `catalogue check`.
#[derive(Debug, Args)]
pub struct Options {
    /// The catalogue file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let now = site.env.now();
        if !site.dir.is_initialised() {
            let catalogue = read(&self.file, SetupKeys::Placeholders, now)?;
            return Ok(report(&catalogue).note(format!(
                "There is no authority in {}, so setup keys and limits were not compared with one.",
                site.dir.path().display()
            )));
        }
        let (authority, _) = site.authority()?;
        let catalogue = read(&self.file, SetupKeys::Of(&authority.tags), now)?;
        pack::check(&authority, &catalogue)?;
        Ok(report(&catalogue))
    }
}

/// Reads a catalogue file; an error names the file, the line and the fix.
pub(super) fn read(path: &Path, keys: SetupKeys<'_>, issued: Timestamp) -> Result<Catalogue, Error> {
    let text = read_text(path, catalogue_toml::SIZE_MAX)?;
    let catalogue = catalogue_toml::read(&text, keys, issued).map_err(|error| {
        let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
        Error::Rule(format!("{}{line}: {}", path.display(), error.why))
    })?;
    let payload_len = document::payload(&catalogue)?.len();
    if payload_len > Catalogue::SIZE_MAX {
        let (path, limit) = (path.display(), Catalogue::SIZE_MAX);
        return Err(Error::Rule(format!(
            "{path}: it makes {payload_len} bytes, a signed catalogue has at most {limit}"
        )));
    }
    Ok(catalogue)
}

fn report(catalogue: &Catalogue) -> Output {
    let (families, groups, editions) = (catalogue.families.len(), catalogue.groups.len(), catalogue.editions.len());
    let (publisher, version) = (catalogue.publisher.as_str(), catalogue.version);
    let value = json!({
        "publisher": publisher,
        "version": version,
        "families": families,
        "groups": groups,
        "editions": editions,
    });
    let text = format!(
        "{publisher}, version {version}: {editions} editions in {groups} groups of {families} families; all well"
    );
    Output::new(value, text)
}
