//! Certificates from an ACME server (RFC 8555): ordered, proved over plain HTTP (http-01), kept in a file, renewed in time.
//!
//! Whatever goes wrong, the certificate before goes on: its file is replaced as a whole, and those who show it look at it
//! by themselves.

mod http;
mod order;
mod proofs;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use tokio::sync::watch;

use crate::tls::Certificate;
use crate::{Env, Stop};

/// The certificate, those between it and its root, and its private key, in the data directory.
const CERTIFICATE_FILE: &str = "acme.pem";
/// A server that takes longer is asked again later.
const ORDER_WITHIN: Duration = Duration::from_secs(300);
/// The longest time between two looks at the certificate.
const LOOK: Duration = Duration::from_secs(3600);
/// The shortest, which counts for certificates that hold for seconds only.
const LOOK_MIN: Duration = Duration::from_secs(1);
/// From the first failure to the next attempt; it doubles with each further one.
const RETRY: Duration = Duration::from_secs(60);
/// ACME servers count attempts, and refuse whoever makes too many.
const RETRY_MAX: Duration = Duration::from_secs(6 * 3600);

/// What is wanted, and from whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The address of the server's directory.
    pub directory: String,
    /// The name of this machine, or its address, for which the certificate is.
    pub name: String,
    /// Where the proof is answered for which the server asks, while it asks.
    pub listen: SocketAddr,
}

/// What the one who shows the certificate has of the one who keeps it.
#[derive(Debug)]
pub struct Line {
    /// Where the certificate is, once there is one.
    pub file: PathBuf,
    /// What is wanted, if anything is.
    pub wanted: watch::Sender<Option<Wanted>>,
    /// Why the newest attempt has failed, if it has.
    pub problem: watch::Receiver<Option<String>>,
}

/// Keeps the certificate.
#[derive(Debug)]
pub struct Keeper {
    data_dir: PathBuf,
    env: Env,
    wanted: watch::Receiver<Option<Wanted>>,
    problem: watch::Sender<Option<String>>,
}

impl Keeper {
    /// One that keeps nothing until something is wanted.
    pub fn new(data_dir: &Path, env: Env) -> (Keeper, Line) {
        let (wanting, wanted) = watch::channel(None);
        let (complaint, problem) = watch::channel(None);
        let line = Line { file: data_dir.join(CERTIFICATE_FILE), wanted: wanting, problem };
        (Keeper { data_dir: data_dir.to_owned(), env, wanted, problem: complaint }, line)
    }

    /// Orders what is wanted and renews it, until the stop.
    pub async fn run(self, stop: Stop) {
        let (mut now, mut failures) = (self.wanted.clone(), 0);
        loop {
            let wanted = now.borrow_and_update().clone();
            let pause = tokio::select! {
                () = stop.asked() => return,
                pause = self.keep(wanted.as_ref(), &mut failures) => pause,
                // Somebody wants something else than what is being ordered.
                Ok(()) = now.changed() => continue,
            };
            tokio::select! {
                () = stop.asked() => return,
                Ok(()) = now.changed() => failures = 0,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Orders a certificate if it is time; how long nothing is to be done then.
    async fn keep(&self, wanted: Option<&Wanted>, failures: &mut u32) -> Duration {
        let Some(wanted) = wanted else {
            self.problem.send_replace(None);
            return LOOK;
        };
        if let Some(left) = self.time_left(wanted) {
            self.problem.send_replace(None);
            return left.clamp(LOOK_MIN, LOOK);
        }
        let ordered = tokio::time::timeout(ORDER_WITHIN, order::order(wanted, &self.data_dir)).await;
        match ordered.unwrap_or_else(|_| Err(anyhow::anyhow!("{} takes too long", wanted.directory))) {
            Ok(()) => {
                tracing::info!(
                    directory = wanted.directory,
                    name = wanted.name,
                    "an ACME server has given a certificate"
                );
                *failures = 0;
                self.problem.send_replace(None);
                LOOK_MIN
            }
            Err(error) => {
                let code = &codes::ACME_FAILED;
                tracing::error!(
                    code = code.name,
                    reason = format!("{error:#}"),
                    "no certificate by ACME; trying again"
                );
                self.problem.send_replace(Some(format!("{error:#} ({code})")));
                *failures += 1;
                (RETRY * 2_u32.saturating_pow(*failures - 1).min(1024)).min(RETRY_MAX)
            }
        }
    }

    /// How long the certificate is good enough: for two thirds of its time, if it is for what is wanted at all.
    fn time_left(&self, wanted: &Wanted) -> Option<Duration> {
        let file = self.data_dir.join(CERTIFICATE_FILE);
        let certificate = Certificate::read(&file, &file).ok()?;
        let is_wanted = certificate.is_for(&wanted.name) && order::is_from(&self.data_dir, &wanted.directory);
        let (begin, end) = (certificate.facts.not_before, certificate.facts.not_after);
        is_wanted.then(|| left(begin, end, self.env.now())).flatten()
    }
}

/// From `now` to the end of two thirds of the time from `begin` to `end`.
fn left(begin: Timestamp, end: Timestamp, now: Timestamp) -> Option<Duration> {
    let due = begin.as_secs() + end.as_secs().saturating_sub(begin.as_secs()) / 3 * 2;
    due.checked_sub(now.as_secs()).filter(|left| *left > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_after_two_thirds_of_its_time() {
        let at = Timestamp::from_secs;
        for (begin, end, now, expected) in [
            (100, 190, 100, Some(60)),
            (100, 190, 159, Some(1)),
            (100, 190, 160, None),
            (100, 190, 300, None),
            (100, 190, 50, Some(110)),
            (190, 100, 190, None),
        ] {
            let found = left(at(begin), at(end), at(now)).map(|left| left.as_secs());
            assert_eq!(found, expected, "{begin} to {end} at {now}");
        }
    }

    #[tokio::test]
    async fn attempts_that_fail_become_rare_and_say_why() {
        let directory = tempfile::tempdir().unwrap();
        let (keeper, line) = Keeper::new(directory.path(), Env::system());
        let listen = "127.0.0.1:0".parse().unwrap();
        let wanted = Wanted { directory: "http://127.0.0.1:9/dir".to_owned(), name: "host.example".to_owned(), listen };
        let mut failures = 0;
        for expected in [60, 120, 240] {
            assert_eq!(keeper.keep(Some(&wanted), &mut failures).await.as_secs(), expected);
            assert!(line.problem.borrow().as_ref().unwrap().contains("does not begin with https://"));
        }
        failures = 40;
        assert_eq!(keeper.keep(Some(&wanted), &mut failures).await, RETRY_MAX);
        assert_eq!(keeper.keep(None, &mut failures).await, LOOK);
        assert_eq!(*line.problem.borrow(), None, "nothing is wanted any more");
    }
}
