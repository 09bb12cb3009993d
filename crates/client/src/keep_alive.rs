//! Renewal in the background: a thread that asks when it is time, and ends with its handle.
//!
//! When to ask is decided where answers are written down ([`crate::outcome`]) and stands in the state file, so that several
//! processes of one machine do not ask one after the other.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keymuster_core::time::{HOUR, MINUTE, Timestamp};

use crate::client::{Client, Loaded};
use crate::env::Env;
use crate::error::Error;
use crate::status::Status;

/// Keeps a client licensed while it lives; made by [`Client::keep_alive`].
///
/// Dropping it ends the thread. One that is waiting ends at once; one that is waiting for a host ends by itself when the
/// host has answered or not, without holding up the drop.
#[derive(Debug)]
#[must_use = "renewal ends when this is dropped"]
pub struct KeepAlive {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    /// Guarded together, so that a drop knows whether to wait for the thread.
    phase: Mutex<Phase>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Phase {
    is_stopped: bool,
    is_asking: bool,
}

/// The longest sleep in seconds: clocks may be set, machines suspended, and others may change the state meanwhile.
const SLEEP_SECS_MAX: u64 = MINUTE;
/// How often the mark is written, in seconds, so that time which passed is known after a crash.
const MARK_SECS: u64 = HOUR;
/// How long the first request after the start may be put off, in seconds, where a lease is held.
const START_SECS_MAX: u64 = 10 * MINUTE;

impl Client {
    /// Asks for leases in the background, for as long as the returned handle lives: the first at once if none is held,
    /// each further one when its time has come, and again after a refusal or failure.
    ///
    /// ```no_run
    /// # use keymuster_client::{Client, Error, Product};
    /// # fn main() -> Result<(), Error> {
    /// # let trust = include_str!("../examples/aurora.trust");
    /// # let product = Product::new(trust, include_bytes!("../examples/aurora.pack"), "desk-pro-2026")?;
    /// let client = Client::open(product)?;
    /// let renewal = client.keep_alive();
    /// // … the product runs …
    /// drop(renewal);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_alive(&self) -> KeepAlive {
        let signal = Arc::new(Signal::default());
        let (client, shared) = (self.clone(), signal.clone());
        let name = format!("keymuster {}", self.product().edition().id);
        let spawned = thread::Builder::new().name(name).spawn(move || run(&client, &shared));
        // Where the system has no thread left, the product still runs, and `renew` still renews.
        KeepAlive { signal, thread: spawned.ok() }
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        let mut phase = self.signal.lock();
        phase.is_stopped = true;
        let is_asking = phase.is_asking;
        drop(phase);
        self.signal.changed.notify_all();
        if let Some(thread) = self.thread.take().filter(|_| !is_asking) {
            // A thread that panicked has nothing more to say here.
            let _ = thread.join();
        }
    }
}

fn run(client: &Client, signal: &Signal) {
    let env = &client.shared.settings.env;
    let mut settings = client.shared.settings_file.content();
    begin_anew(client);
    let loaded = client.current();
    let mut at_once = !loaded.is_in_order(env);
    let mut wait = Wait { from: loaded.now(env), secs: start_delay(&loaded, env) };
    while !signal.is_stopped() {
        let loaded = client.current();
        let now = loaded.now(env);
        let latest = client.shared.settings_file.content();
        // What an administrator has just set may be what was missing.
        at_once |= latest != settings && !loaded.is_valid(now);
        settings = latest;
        let earliest = wait.until(now);
        let due = match loaded.captured_until() {
            Some(until) => Some(until),
            None => due(&loaded, env).map(|due| if at_once { now } else { due.max(earliest) }),
        };
        if due.is_some_and(|due| due <= now) {
            if !signal.begin_asking() {
                return;
            }
            let result = ask(client, signal);
            signal.end_asking();
            at_once = false;
            // When to ask next stands in the state, unless the state could not be written.
            let is_unwritable = matches!(result, Err(Error::StateUnwritable { .. }));
            wait = Wait { from: now, secs: if is_unwritable { client.retry().default_secs } else { 1 } };
        } else {
            keep_mark(client, &loaded, now);
            let secs = due.map_or(SLEEP_SECS_MAX, |due| due.secs_since(now).min(SLEEP_SECS_MAX));
            signal.sleep(Duration::from_secs(secs));
        }
    }
}

/// Asks, unless the installation was re-armed while the attempt waited for its turn.
fn ask(client: &Client, signal: &Signal) -> Result<Status, Error> {
    let env = &client.shared.settings.env;
    client.ask(&|| signal.is_stopped() || client.current().is_being_captured(env))
}

/// How long nothing is asked.
struct Wait {
    from: Timestamp,
    secs: u64,
}

impl Wait {
    /// Its end. It begins again where the time was reset to before it began.
    fn until(&mut self, now: Timestamp) -> Timestamp {
        self.from = self.from.min(now);
        self.from.plus(self.secs)
    }
}

/// A product that is started again is in use again, whatever was released before.
fn begin_anew(client: &Client) {
    if client.current().record.released {
        // A store that cannot be written cannot keep a new lease either.
        let _ = client.update(|record| record.released = false);
    }
}

/// When to ask next; `None` while there is nothing to ask for.
fn due(loaded: &Loaded, env: &Env) -> Option<Timestamp> {
    let record = &loaded.record;
    let is_done = record.mak.as_ref().is_some_and(|mak| match mak.is_by_proxy() {
        true => loaded.is_activated(env),
        // A MAK that was used is not here any more.
        false => mak.secret.is_none(),
    });
    (!record.released && !is_done).then(|| record.next_attempt.unwrap_or_else(|| loaded.now(env)))
}

/// How long a client that holds a lease waits at its start, so that machines which are switched on together do not ask
/// together; never so long that the lease comes near its end.
fn start_delay(loaded: &Loaded, env: &Env) -> u64 {
    let now = loaded.now(env);
    let end = loaded.held.as_ref().and_then(|held| held.end());
    env.up_to(end.map_or(START_SECS_MAX, |end| START_SECS_MAX.min(end.secs_since(now) / 10)))
}

/// Writes the mark where the one on disk is old; a store that cannot be written goes without.
fn keep_mark(client: &Client, loaded: &Loaded, now: Timestamp) {
    let is_old = now.secs_since(loaded.record.mark.mark().at) >= MARK_SECS;
    if is_old && loaded.rearmed_at.is_none() {
        let _ = client.update(|_| ());
    }
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Whether asking may begin; a drop that comes later does not wait.
    fn begin_asking(&self) -> bool {
        let mut phase = self.lock();
        phase.is_asking = !phase.is_stopped;
        phase.is_asking
    }

    fn end_asking(&self) {
        self.lock().is_asking = false;
    }

    fn sleep(&self, longest: Duration) {
        let waiting = self.changed.wait_timeout_while(self.lock(), longest, |phase| !phase.is_stopped);
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::Product;
    use crate::settings::{HostAddress, Settings};

    #[test]
    fn an_attempt_that_waited_through_a_re_arming_is_not_made() {
        let trust = include_str!("../examples/aurora.trust");
        let product = Product::new(trust, include_bytes!("../examples/aurora.pack"), "desk-pro-2026").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let env = Env::fixed(Timestamp::from_secs(1_800_000_000), 1);
        let host = Some(HostAddress { host: "127.0.0.1".into(), port: 9, tls_only: false });
        let settings =
            Settings { store: directory.path().to_path_buf(), host, env: env.clone(), ..Settings::default() };
        let open = || Client::open_with(product.clone(), settings.clone()).unwrap();
        let identity = || Client::look(product.clone(), settings.clone()).unwrap().status().client;
        let running = open();
        open().rearm().unwrap();
        assert!(ask(&running, &Signal::default()).is_ok() && identity().is_none());
        env.advance(HOUR);
        assert!(ask(&running, &Signal::default()).is_err() && identity().is_some(), "nobody answers there");
    }
}
