//! `keymuster inspect`: what is in a file or key, and whether it verifies.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use keymuster_client::Product;
use keymuster_core::trust::Trust;

use crate::answer::Answer;
use crate::exit;
use crate::failure::Failure;
use crate::inspect::{Known, inspect, read_key};
use crate::machine::Machine;

/// Options of `inspect`.
#[derive(Debug, Args)]
pub struct Options {
    /// A file, the text of a product key, or `-` for standard input.
    #[arg(value_name = "FILE|KEY|-")]
    what: String,
    /// The trust file by which documents are verified; without it those of the products on this machine are taken.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

/// More is not read: no file of Keymuster is as large.
const BYTES_MAX: u64 = 1024 * 1024;

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let known = known(machine, options)?;
    let path = Path::new(&options.what);
    let report = match options.what.as_str() {
        "-" => inspect(&read(io::stdin(), path)?, &known)?,
        _ if path.exists() => {
            let file = fs::File::open(path).map_err(|why| Failure::file(path, &why))?;
            inspect(&read(file, path)?, &known)?
        }
        text => read_key(text, &known)?,
    };
    let mut answer = Answer::new(report.fields.lines(0), report.fields.json());
    if !report.is_valid {
        answer.exit = exit::INVALID;
    }
    Ok(answer)
}

fn read(from: impl io::Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|why| Failure::file(path, &why))?;
    Ok(bytes)
}

/// What documents can be checked against: the given trust file, and the products of this machine.
fn known(machine: &Machine, options: &Options) -> Result<Known, Failure> {
    let given = match &options.trust {
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|why| Failure::file(file, &why))?;
            Some(text.parse::<Trust>().map_err(keymuster_client::Error::Trust)?)
        }
        None => None,
    };
    // A store that cannot be read leaves nothing to check against, and inspecting works all the same.
    let products = Product::installed(&machine.settings()?.store).unwrap_or_default();
    Ok(Known { given, products })
}
