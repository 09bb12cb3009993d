//! The Debian packages, by Debian's own tools (debhelper), from `packaging/debian` and the trees of `stage`.
//!
//! The unit of a package is the unit that a program prints, for the user that the package makes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::stage::Staged;
use super::{source_date, version};
use crate::process::{program, root, run as run_command};

const SERVERS: [&str; 2] = ["keymuster-host", "keymuster-authority"];
const SOCKET: &str = "keymuster-host.socket";

/// Packs all trees.
pub fn pack(out: &Path, staged: &Staged, version_suffix: &str) -> Result<()> {
    // Debian's tools write the packages beside the directory in which they run.
    let source = out.join("deb");
    let debian = source.join("debian");
    let packaging = root().join("packaging");
    fs::create_dir_all(&source)?;
    copy(&packaging.join("debian"), &debian)?;
    copy(staged.directory(), &source.join("stage"))?;
    for name in SERVERS {
        let text = fs::read_to_string(packaging.join(format!("systemd/{name}.service")))?;
        fs::write(debian.join(format!("{name}.service")), with_static_user(&text, name)?)?;
    }
    fs::copy(packaging.join("systemd").join(SOCKET), debian.join(SOCKET))?;
    if !version_suffix.is_empty() {
        let changelog = fs::read_to_string(debian.join("changelog"))?;
        fs::write(debian.join("changelog"), next(&changelog, version_suffix)? + &changelog)?;
    }
    let mut build = program("dpkg-buildpackage", &["--build=binary", "--no-sign", "--no-check-builddeps"]);
    build.current_dir(&source).env("SOURCE_DATE_EPOCH", source_date()?).env("DEB_BUILD_OPTIONS", "noautodbgsym");
    run_command(&mut build)?;
    // What an archive of Debian would be sent with the packages; it names this machine.
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "buildinfo" || extension == "changes") {
            fs::remove_file(path)?;
        }
    }
    fs::remove_dir_all(&source).context("could not remove what was packed")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run_command(program("cp", &["--archive"]).arg(from).arg(to))
}

/// The unit for a user who exists, and to whom the directory belongs also while the service does not run.
fn with_static_user(unit: &str, name: &str) -> Result<String> {
    let dynamic = format!(
        "# A user of its own, who exists while the service runs. Administrators run the commands as root.\n\
         DynamicUser=yes\nUser={name}\n"
    );
    ensure!(unit.contains(&dynamic), "the unit of {name} says something else about its user than packages expect");
    let fixed = format!("# The package's user. Administrators run the commands as root.\nUser={name}\nGroup={name}\n");
    Ok(unit.replace(&dynamic, &fixed))
}

/// An entry of the changelog for a version behind that of the workspace, with the trailer of the newest.
fn next(changelog: &str, suffix: &str) -> Result<String> {
    let trailer = changelog.lines().find(|line| line.starts_with(" -- ")).context("the changelog has no trailer")?;
    let head = format!("keymuster ({}{suffix}) unstable; urgency=medium", version());
    Ok(format!("{head}\n\n  * Built for a test.\n\n{trailer}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_workspace_have_one_version() {
        let changelog = fs::read_to_string(root().join("packaging/debian/changelog")).unwrap();
        assert!(changelog.starts_with(&format!("keymuster ({}) ", version())), "{changelog}");
    }

    #[test]
    fn units_of_packages_differ_in_the_user_alone() {
        for name in SERVERS {
            let unit = fs::read_to_string(root().join(format!("packaging/systemd/{name}.service"))).unwrap();
            let packaged = with_static_user(&unit, name).unwrap();
            let added: Vec<_> = packaged.lines().filter(|line| !unit.lines().any(|known| known == *line)).collect();
            let expected = ["# The package's user. Administrators run the commands as root.", &format!("Group={name}")];
            assert_eq!(added, expected);
            assert!(!packaged.contains("DynamicUser"));
        }
        assert!(with_static_user("[Service]\nUser=x\n", "keymuster-host").is_err());
    }
}
