//! The demonstration: a stage with two publishers and a host, a show in acts, and load.

mod acts;
mod load;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::estate::{Authority, Host};
use crate::programs;

pub use acts::show;
pub use load::load;

/// The catalogue of the larger publisher.
pub const AURORA: &str = include_str!("../catalogues/aurora.toml");
/// The catalogue of the smaller publisher.
pub const BOREALIS: &str = include_str!("../catalogues/borealis.toml");

/// Seats in the demonstration's pool.
const SEATS: usize = 5;
/// Activations that the demonstration's MAK is worth.
const MAK_ACTIVATIONS: u32 = 10;

/// Everything that runs, and where it lies.
#[derive(Debug)]
pub struct Stage {
    root: PathBuf,
    aurora: Authority,
    borealis: Authority,
    host: Host,
    mak: String,
    /// A pause between the machines that muster, so that a person can watch.
    pub pace: Duration,
}

impl Stage {
    /// Starts authorities and host, and entitles the host.
    pub fn set(root: &Path) -> anyhow::Result<Stage> {
        heading("Two publishers set up their authorities and sign their catalogues")?;
        let aurora = authority(root, "aurora", "Aurora Systems", AURORA)?;
        let borealis = authority(root, "borealis", "Borealis Instruments", BOREALIS)?;

        heading("A customer installs the host, and the publishers' host keys on it")?;
        let mut host = Host::new(root, 1688)?;
        for publisher in ["aurora", "borealis"] {
            tell("host", &host.add_publisher(root, publisher)?)?;
        }
        let pool = format!("{}={SEATS},term=30s,guard=1s", acts::SEAT_EDITION);
        for (authority, group, more) in [
            (&aurora, "server-c-2026", &[][..]),
            (&aurora, "office-2026", &[]),
            (&aurora, "render-2026", &["--pool", pool.as_str()]),
            (&borealis, "lab-server-2025", &[]),
        ] {
            let key = authority.mint_host_key(group, more)?;
            tell("host", &host.run(&["install-key", "--publisher", &authority.publisher], &key)?)?;
            tell("host", &host.run(&["activate", "--publisher", &authority.publisher], "")?)?;
        }
        host.start()?;
        tell("host", &[format!("answers clients on {}", host.address)])?;
        let mak = aurora.mint_mak(acts::MAK_EDITION, MAK_ACTIVATIONS)?;
        Ok(Stage { root: root.to_owned(), aurora, borealis, host, mak, pace: Duration::ZERO })
    }

    /// Where the consoles are, and the tokens with which they are claimed; a console that was claimed needs none.
    pub fn consoles(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        for (who, url, claim) in [
            ("host", &self.host.administration, self.host.run(&["claim"], "")),
            ("aurora", &self.aurora.administration, self.aurora.run(&["claim"])),
            ("borealis", &self.borealis.administration, self.borealis.run(&["claim"])),
        ] {
            // Once there is an account, nobody gets a token without naming it.
            text += &match claim.ok().and_then(|lines| lines.into_iter().next()) {
                Some(token) => format!("{who:>10} | {url}/claim with the one-time token {token}\n"),
                None => format!("{who:>10} | {url}\n"),
            };
        }
        Ok(text)
    }

    /// Shows where the consoles are.
    pub fn tell_consoles(&self) -> anyhow::Result<()> {
        heading("The consoles, for a browser on this machine")?;
        write!(std::io::stdout().lock(), "{}", self.consoles()?).context("cannot write to standard output")
    }

    /// What to try while everything runs.
    pub fn what_next(&self) -> anyhow::Result<String> {
        let root = self.root.display();
        let host = self.host.address;
        let edition = acts::VOLUME_EDITION;
        let program =
            |name| programs::command(name).map(|command| command.get_program().to_string_lossy().into_owned());
        let (client, server) = (program("keymuster")?, program("keymuster-host")?);
        let authority = program("keymuster-authority")?;
        let consoles = self.consoles()?;
        Ok(format!(
            "\nEverything runs until you press Ctrl-C. In a browser:\n\n{consoles}\nIn another terminal, for example:\n\n  \
             {server} --data-dir {root}/host status\n  \
             {authority} --data-dir {root}/authority-aurora key list\n  \
             {client} --store {root}/mine add --trust {root}/aurora.trust --pack {root}/aurora.pack {edition}\n  \
             {client} --store {root}/mine --host {host} activate\n  \
             {client} --store {root}/mine status\n  \
             {client} inspect {root}/aurora.pack --trust {root}/aurora.trust\n  \
             {client} explain threshold-not-met\n",
        ))
    }
}

fn authority(root: &Path, publisher: &str, name: &str, catalogue: &str) -> anyhow::Result<Authority> {
    let (authority, lines) = Authority::start(root, publisher, name, catalogue, 1690)?;
    tell(publisher, &lines)?;
    tell(publisher, &[format!("answers on {}", authority.url)])?;
    Ok(authority)
}

fn heading(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "\n== {text}").context("cannot write to standard output")
}

/// Shows what a program said.
fn tell(who: &str, lines: &[String]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        writeln!(stdout, "{who:>10} | {line}").context("cannot write to standard output")?;
    }
    Ok(())
}
