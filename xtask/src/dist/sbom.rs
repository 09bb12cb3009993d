//! What each program is made of, with versions and licences, as CycloneDX.
//!
//! The serial number and the time that the tool would put in are left out: the same sources give the same list.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{PROGRAMS, version};
use crate::process::{cargo, root, run as run_command};

const TOOL: &str = "cargo-cyclonedx";
/// The newest; `cargo xtask setup` does not install it, as only releases need it.
const TOOL_VERSION: &str = "0.5.9";

/// Writes the list of each program.
pub fn write(out: &Path) -> Result<()> {
    let tool = installed()?;
    for name in PROGRAMS {
        let manifest = root().join("crates").join(name.strip_prefix("keymuster-").unwrap_or("cli"));
        let path = manifest.join(format!("{name}.cdx.json"));
        let mut command = crate::process::program(&tool, &["cyclonedx", "--format", "json", "--spec-version", "1.5"]);
        command.args(["--target", "x86_64-unknown-linux-musl", "--manifest-path"]).arg(manifest.join("Cargo.toml"));
        command.arg("--override-filename").arg(format!("{name}.cdx"));
        run_command(&mut command)?;
        let text = fs::read(&path).with_context(|| format!("{TOOL} wrote no {}", path.display()))?;
        fs::remove_file(&path)?;
        let steady = steady(serde_json::from_slice(&text)?);
        let name = format!("{name}-{}.cdx.json", version());
        fs::write(out.join(name), serde_json::to_vec_pretty(&steady)?)?;
    }
    Ok(())
}

/// Without what differs from one run to the next, and without this machine's directories.
fn steady(mut list: Value) -> Value {
    if let Some(members) = list.as_object_mut() {
        members.remove("serialNumber");
        if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("timestamp");
        }
    }
    let text = list.to_string().replace(&root().display().to_string(), "/keymuster");
    serde_json::from_str(&text).unwrap_or(list)
}

/// The tool, in `target/tools-of-cargo`.
fn installed() -> Result<PathBuf> {
    let directory = root().join("target/cyclonedx").with_extension(TOOL_VERSION);
    let tool = directory.join("bin").join(TOOL);
    if !tool.exists() {
        let mut install = cargo(&["install", TOOL, "--locked", "--version", TOOL_VERSION, "--root"]);
        run_command(install.arg(&directory))?;
    }
    Ok(tool)
}
