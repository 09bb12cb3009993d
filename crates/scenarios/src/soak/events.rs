//! What happens to the servers, one thing after the other.

use std::fs;
use std::path::{Path, PathBuf};

use keymuster_service::{Env, tls};

use super::Soaked;

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    Settings,
    Certificate,
    LogRotated,
    ClockAhead,
    ClockBack,
    HostRestarted,
    HostKilled,
    AuthorityRestarted,
    AuthorityKilled,
}

use Event::*;

const WITH_RESTARTS: &[Event] = &[
    Settings,
    HostRestarted,
    Certificate,
    ClockAhead,
    HostKilled,
    LogRotated,
    AuthorityRestarted,
    ClockBack,
    AuthorityKilled,
];
const WITHOUT: &[Event] =
    &[Settings, Certificate, LogRotated, ClockAhead, Settings, Certificate, LogRotated, ClockBack];

/// Within what a host takes for the difference of good clocks (5 minutes): further ahead, and it grants nothing once its clock
/// is right again.
const AHEAD: &str = "+200s";

/// Events without end.
#[derive(Debug)]
pub struct Events {
    list: &'static [Event],
    number: usize,
    directory: PathBuf,
}

impl Events {
    pub fn new(root: &Path, has_restarts: bool) -> anyhow::Result<Events> {
        let directory = root.join("certificates");
        fs::create_dir_all(&directory)?;
        Ok(Events { list: if has_restarts { WITH_RESTARTS } else { WITHOUT }, number: 0, directory })
    }

    /// Lets the next one happen.
    pub fn next(&mut self, soaked: &mut Soaked) -> anyhow::Result<()> {
        let event = self.list[self.number % self.list.len()];
        self.number += 1;
        match event {
            Settings => {
                let days = if self.number.is_multiple_of(2) { "6 days" } else { "7 days" };
                soaked.estate.run(&["set", "renewal-interval", days], "")?;
                soaked.host.hang_up()
            }
            Certificate => self.certificate(soaked),
            LogRotated => soaked.host.rotate_log(),
            ClockAhead => self.clocks(soaked, AHEAD),
            ClockBack => self.clocks(soaked, "+0"),
            HostRestarted => soaked.host.restart(),
            HostKilled => soaked.host.kill(),
            AuthorityRestarted => soaked.authority.restart(),
            AuthorityKilled => soaked.authority.kill(),
        }
    }

    fn clocks(&self, soaked: &Soaked, by: &str) -> anyhow::Result<()> {
        soaked.host.clock.put(by)?;
        soaked.authority.clock.put(by)
    }

    /// A new certificate in the file that is set.
    fn certificate(&self, soaked: &Soaked) -> anyhow::Result<()> {
        let made = tempfile::tempdir_in(&self.directory)?;
        tls::own(made.path(), "soak", vec!["localhost".to_owned()], Env::system().now())?;
        let read = |name: &str| fs::read_to_string(made.path().join(name));
        let new = made.path().join("new.pem");
        fs::write(&new, read("tls.pem")? + &read("tls.key")?)?;
        let file = self.directory.join("host.pem");
        let is_first = !file.exists();
        fs::rename(&new, &file)?;
        if is_first {
            soaked.estate.run(&["set", "tls-certificate-file", &file.to_string_lossy()], "")?;
        }
        Ok(())
    }
}
