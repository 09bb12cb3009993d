//! The command line that is run for one row: by this program itself, or by `ssh` in the shell of another machine.
//!
//! Which shell that is, nobody knows: a word is either one that every shell leaves alone, or stands between double quotes
//! and holds nothing that POSIX shells, `cmd.exe` or PowerShell would expand there. The types of a row see to that.

use std::io;
use std::path::Path;
use std::process::Command;

use keymuster::list::{Place, Row};

/// What the other machine's shell finds in its path.
const PROGRAM: &str = "keymuster";

/// Options of OpenSSH. Nobody is there to be asked for a password; a machine that does not answer is given up soon; and
/// no connection is left behind for later, because that would keep the pipes of this one open.
const SSH_OPTIONS: [&str; 7] = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlMaster=no"];

/// What is done on each machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    Activate,
    InstallKey,
    Release,
    Renew,
    Status,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Task::Activate => "activate",
            Task::InstallKey => "install-key",
            Task::Release => "release",
            Task::Renew => "renew",
            Task::Status => "status",
        }
    }
}

/// What is started for a row. A key is no part of it.
pub fn command(row: &Row, task: Task, ssh: &Path) -> io::Result<Command> {
    let words = words(row, task);
    match &row.place {
        Place::Local => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(words);
            Ok(command)
        }
        Place::Remote(destination) => {
            let mut command = Command::new(ssh);
            command.args(SSH_OPTIONS).args(["--", destination.as_str()]).arg(line(&words));
            Ok(command)
        }
    }
}

fn words(row: &Row, task: Task) -> Vec<String> {
    let options = [
        ("--publisher", row.publisher.as_ref().map(ToString::to_string)),
        ("--edition", row.edition.as_ref().map(ToString::to_string)),
        ("--store", row.store.as_ref().map(ToString::to_string)),
        ("--host", row.host.as_ref().map(ToString::to_string)),
    ];
    let mut words = vec![task.name().to_owned(), "--json".to_owned()];
    for (option, value) in options {
        words.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    }
    words
}

fn line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| quoted(word));
    std::iter::once(PROGRAM.to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    if word.chars().all(is_plain) { word.to_owned() } else { format!("\"{word}\"") }
}

#[cfg(test)]
mod tests {
    use keymuster::list::{Keys, read};

    use super::*;

    fn arguments(list: &str) -> Vec<String> {
        let rows = read(list.as_bytes(), Keys::Unread).unwrap();
        let command = command(&rows[0], Task::Renew, "ssh".as_ref()).unwrap();
        command.get_args().map(|argument| argument.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn lines_for_other_shells() {
        for (fields, expected) in [
            (",,,", "keymuster renew --json"),
            ("aurora,desk-pro-2026,,", "keymuster renew --json --publisher aurora --edition desk-pro-2026"),
            (",,/srv/a b,", "keymuster renew --json --store \"/srv/a b\""),
            (",,C:\\Program Files (x86)\\k,", "keymuster renew --json --store \"C:\\Program Files (x86)\\k\""),
            (",,C:/k,kms.example", "keymuster renew --json --store C:/k --host kms.example:1688"),
            (",,,[2001:db8::1]:1700", "keymuster renew --json --host \"[2001:db8::1]:1700\""),
        ] {
            let arguments = arguments(&format!("machine,publisher,edition,store,host\nroot@a.example,{fields}\n"));
            assert_eq!(arguments[..7], SSH_OPTIONS);
            assert_eq!(arguments[7..], ["--", "root@a.example", expected]);
        }
    }

    #[test]
    fn this_machine_needs_no_shell() {
        let arguments = arguments("machine,store\nlocal,/srv/a b\n");
        assert_eq!(arguments, ["renew", "--json", "--store", "/srv/a b"]);
    }
}
