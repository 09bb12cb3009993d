//! Archives for those without a package manager: a tree each for Linux, the command for Windows, the chart for Kubernetes.
//!
//! Names are in order, and owners and times fixed, so that the same files make the same archive.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::stage::Staged;
use super::{PROGRAMS, source_date, version};
use crate::process::{program, root, run as run_command};

/// Packs each tree; to be unpacked in `/usr/local` or anywhere else.
pub fn pack(out: &Path, staged: &Staged) -> Result<()> {
    for name in PROGRAMS {
        let archive = out.join(format!("{name}-{}-linux-x86_64.tar.gz", version()));
        tar(&archive, &staged.directory().join(name), "usr", &format!("s,^usr,{name}-{},", version()))?;
    }
    Ok(())
}

/// Packs the command for Windows.
pub fn windows(out: &Path, programs: &Path) -> Result<()> {
    let archive = out.join(format!("keymuster-{}-windows-x86_64.tar.gz", version()));
    tar(&archive, programs, "keymuster.exe", &format!("s,^,keymuster-{}/,", version()))
}

/// Packs the chart, as `helm package` does.
pub fn chart(out: &Path) -> Result<()> {
    let archive = out.join(format!("keymuster-host-chart-{}.tgz", version()));
    tar(&archive, &root().join("packaging/helm"), "keymuster-host", "s,^,,")
}

fn tar(archive: &Path, directory: &Path, what: &str, names: &str) -> Result<()> {
    let mut command = program("tar", &["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    command.args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip --no-name --best"]);
    command.arg(format!("--mtime=@{}", source_date()?)).arg(format!("--transform={names}"));
    command.arg("--file").arg(archive).arg("--directory").arg(directory).arg(what);
    run_command(&mut command).with_context(|| format!("could not pack {}", archive.display()))
}
