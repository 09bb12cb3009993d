//! Building the programs of a release: static, without symbols, and byte for byte the same from any directory.
//!
//! Paths are the only thing of a machine that compilers write into programs, so each is replaced by a fixed one. The
//! versions of the compilers count as well: `release` tells them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::source_date;
use crate::process::{cargo, output, program, run as run_command, succeeds};

/// Linux, with a C library of its own inside: the programs run on every distribution, and look names up without plug-ins
/// of the system (NSS).
pub const LINUX: Target = Target {
    triple: "x86_64-unknown-linux-musl",
    compiler: "musl-gcc",
    package: "musl-tools",
    rust_flags: "-Ctarget-feature=+crt-static",
};
/// Windows, for the command alone.
pub const WINDOWS: Target = Target {
    triple: "x86_64-pc-windows-gnu",
    compiler: "x86_64-w64-mingw32-gcc",
    package: "gcc-mingw-w64-x86-64",
    // Without a time of the build in the program's header.
    rust_flags: "-Ctarget-feature=+crt-static -Clink-arg=-Wl,--no-insert-timestamp",
};

/// What programs are built for.
#[derive(Clone, Copy)]
pub struct Target {
    triple: &'static str,
    /// Builds what is written in C, and the Debian package that brings it.
    compiler: &'static str,
    package: &'static str,
    rust_flags: &'static str,
}

/// Builds the programs of the sources in `root` and tells where they lie.
pub fn release(root: &Path, target: Target, programs: &[&str]) -> Result<PathBuf> {
    has_what_it_needs(target)?;
    let directory = root.join("target/release-programs");
    let mut command = cargo(&["build", "--release", "--locked", "--target", target.triple]);
    command.current_dir(root).arg("--target-dir").arg(&directory);
    command.args(programs.iter().flat_map(|name| ["--package", name]));
    let replaced = replaced(root)?;
    let of_rust: Vec<String> =
        replaced.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect();
    let of_c: Vec<String> =
        replaced.iter().map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display())).collect();
    command.env("RUSTFLAGS", format!("{} -Cstrip=symbols {}", target.rust_flags, of_rust.join(" ")));
    command.env(format!("CFLAGS_{}", target.triple.replace('-', "_")), of_c.join(" "));
    command.env("SOURCE_DATE_EPOCH", source_date()?);
    run_command(&mut command)?;
    Ok(directory.join(target.triple).join("release"))
}

/// Directories of this machine, and what is written instead.
fn replaced(root: &Path) -> Result<[(PathBuf, &'static str); 2]> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    Ok([(root.to_owned(), "/keymuster"), (home.context("there is no home directory for cargo")?, "/cargo")])
}

fn has_what_it_needs(target: Target) -> Result<()> {
    if !succeeds(&mut program(target.compiler, &["--version"])) {
        bail!("{} is missing: apt-get install --no-install-recommends {}", target.compiler, target.package);
    }
    let sysroot = output(&mut program("rustc", &["--print", "sysroot"]))?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(target.triple).join("lib").exists() {
        run_command(&mut program("rustup", &["target", "add", target.triple]))?;
    }
    Ok(())
}
