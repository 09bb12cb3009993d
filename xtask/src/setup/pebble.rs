//! Pebble, Let's Encrypt's ACME server for tests: written in Go and in no package of Debian, so it is built from its source,
//! in exactly this version, which Go's checksum database vouches for.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{program, root, run as run_command, succeeds};

const VERSION: &str = "2.10.1";
/// Where the tests look for it, from the root.
const DIRECTORY: &str = "target/pebble-2.10.1";

/// Builds it, unless it is there.
pub fn install() -> Result<()> {
    let directory = root().join(DIRECTORY);
    if directory.join("pebble").exists() {
        return Ok(());
    }
    let go = if Path::new("/usr/local/go/bin/go").exists() { "/usr/local/go/bin/go" } else { "go" };
    if !succeeds(&mut program(go, &["version"])) {
        bail!("the tests need Go 1.24 or newer, to build the ACME server pebble: see https://go.dev/dl");
    }
    let module = format!("github.com/letsencrypt/pebble/v2/cmd/pebble@v{VERSION}");
    eprintln!("setup: go install {module}");
    run_command(program(go, &["install", &module]).env("GOBIN", &directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_names_the_version() {
        assert!(DIRECTORY.ends_with(VERSION));
    }
}
