//! `keymuster-host exchange export`: the requests that wait, and the MAK for them, as files for the publisher.

use std::path::{Path, PathBuf};

use keymuster_service::console::By;
use keymuster_service::{Env, files};

use super::{Selection, print, told_that_nothing_waits};
use crate::acts::exchange::{self, Packed};
use crate::site::Home;

/// Options of `exchange export`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the requests are written. More than a thousand make more files: FILE-2.request and so on.
    #[arg(long, value_name = "FILE.request")]
    out: PathBuf,
    #[command(flatten)]
    selection: Selection,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let selection = options.selection.read(&home.site)?;
    let mut written = Vec::new();
    let packed = exchange::pack(&mut home, &By::local_user(env.now()), &selection, |bundles| {
        for (number, bundle) in (1..).zip(bundles) {
            let path = numbered(&options.out, number);
            files::write_private(&path, &bundle.to_file())?;
            written.push(format!("wrote {}\n", path.display()));
        }
        Ok(())
    })?;
    told_that_nothing_waits(&packed)?;
    let Packed { requests, edition, .. } = packed;
    let plural = if requests == 1 { "" } else { "s" };
    let file = if written.len() == 1 { "the file holds" } else { "the files hold" };
    print(&format!(
        "{}{requests} request{plural} for {edition}\n\
         {file} the whole MAK: hand it to the publisher and to nobody else, and delete it afterwards\n\
         next: take it to the publisher, and the answer back: keymuster-host exchange import FILE\n",
        written.concat()
    ))
}

/// The path of the file with this number: `x.request`, `x-2.request`, `x-3.request`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(suffix) = path.extension() {
        name.push(".");
        name.push(suffix);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_files_are_numbered_before_their_suffix() {
        for (path, number, expected) in [
            ("a/x.request", 1, "a/x.request"),
            ("a/x.request", 2, "a/x-2.request"),
            ("x", 3, "x-3"),
            ("a.b/x.y.request", 10, "a.b/x.y-10.request"),
        ] {
            assert_eq!(numbered(Path::new(path), number), Path::new(expected));
        }
    }
}
