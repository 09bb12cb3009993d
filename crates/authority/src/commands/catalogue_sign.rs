//! `catalogue sign`: signs a catalogue file as the current catalogue, and writes it as a licence pack.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Site, catalogue_check};
use crate::catalogue_toml::SetupKeys;
use crate::data_dir::write_file;
use crate::error::Error;
use crate::output::Output;
use crate::pack;

/// The options of `catalogue sign`.
#[derive(Debug, Args)]
pub struct Options {
    /// The catalogue file
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Where the licence pack is written [default: beside the catalogue file]
    #[arg(long, value_name = "FILE.pack")]
    out: Option<PathBuf>,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let caller = site.caller();
        let (authority, mut db) = site.authority()?;
        let catalogue = catalogue_check::read(&self.file, SetupKeys::Of(&authority.tags), caller.now)?;
        let (version, editions) = (catalogue.version, catalogue.editions.len());
        let pack = pack::sign(&authority, &mut db, catalogue, &caller)?;
        let out = self.out.unwrap_or_else(|| self.file.with_extension("pack"));
        write_file(&out, &pack.bundle.to_file())?;
        let value = json!({ "version": version, "editions": editions, "file": out, "was_signed": pack.was_signed });
        let verb = if pack.was_signed { "was signed before, and is written again" } else { "is signed" };
        Ok(Output::new(value, format!("Version {version} with {editions} editions {verb}: {}", out.display())))
    }
}
