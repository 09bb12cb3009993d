//! What packages install beside a program: its manual pages, and what completes its command line in a shell.
//!
//! Both come from the command line's own definition, so that they never say anything else than `--help`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap_complete::Shell;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell that is to complete the command line
    shell: Shell,
}

/// Options of `manual`.
#[derive(Debug, clap::Args)]
pub struct Manual {
    /// The directory to write to, such as /usr/local/share/man/man1; it is made where there is none
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Completions {
    /// What completes the command line of this program.
    pub fn text(&self, mut command: clap::Command) -> Vec<u8> {
        let name = command.get_name().to_owned();
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut text);
        text
    }

    /// Writes it on standard output.
    pub fn print(&self, command: clap::Command) -> io::Result<()> {
        io::stdout().lock().write_all(&self.text(command))
    }
}

impl Manual {
    /// Writes a page for the program and one for each of its commands.
    pub fn write(&self, command: clap::Command) -> io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        clap_mangen::generate_to(command, &self.directory)
    }

    /// Where the pages are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn command() -> Command {
        let install = Command::new("install-key").about("Install a key").arg(Arg::new("key-file").long("key-file"));
        Command::new("kms").about("Counts machines").subcommand(install).subcommand(Command::new("aside").hide(true))
    }

    #[test]
    fn each_command_that_is_shown_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        let manual = Manual { directory: directory.path().join("share/man1") };
        manual.write(command()).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(manual.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["kms-install-key.1", "kms.1"]);
        let page = std::fs::read_to_string(manual.directory().join("kms-install-key.1")).unwrap();
        assert!(page.contains("Install a key") && page.contains("\\-\\-key\\-file"), "{page}");
    }

    #[test]
    fn each_shell_completes_commands_and_options() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let text = String::from_utf8(Completions { shell }.text(command())).unwrap();
            assert!(text.contains("install-key") && text.contains("key-file"), "{shell}: {text}");
        }
    }
}
