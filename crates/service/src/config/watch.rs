//! A running server follows its file: whatever is wrong with a new one, what was read before goes on.

use std::time::Duration;

use keymuster_core::codes;
use tokio::signal::unix::Signal;

use super::given::{Configuration, Difference, Given};
use super::load::{Broken, Loader, Seen};
use super::{Change, Fault};
use crate::stop::Stop;

/// How often the file is looked at, which changes without a word.
const INTERVAL: Duration = Duration::from_secs(2);

/// The file of a running server.
#[derive(Debug)]
pub struct Watch {
    loader: Loader,
    /// As the server was started.
    started: Configuration,
    /// What was read last.
    newest: Configuration,
    /// As it was at the last look; nothing before the first, which reads it once more.
    seen: Option<Seen>,
    faults: Vec<Fault>,
}

impl Watch {
    /// Begins with what the server was started with.
    pub fn new(loader: Loader, started: Configuration) -> Watch {
        Watch { loader, newest: started.clone(), started, seen: None, faults: Vec::new() }
    }

    /// Looks at the file, and reads it where it has changed or `is_asked`; what counts from now on, where that has changed.
    pub fn look(&mut self, is_asked: bool) -> Option<Configuration> {
        let seen = Some(self.loader.seen());
        let is_new = seen != self.seen;
        if !is_new && !is_asked {
            return None;
        }
        self.seen = seen;
        let newer = match self.read() {
            Ok(newer) => newer,
            Err(broken) => {
                self.complain(broken, is_asked);
                return None;
            }
        };
        let differences = self.newest.differences(&newer, self.loader.table);
        let is_mended = !std::mem::take(&mut self.faults).is_empty();
        if differences.is_empty() && (is_asked || is_mended) {
            tracing::info!("the configuration was read again; it gives what it gave");
        }
        differences.iter().for_each(tell);
        // Lines may have moved, and the places with them.
        let is_same = newer == self.newest;
        self.newest = newer;
        (!is_same).then(|| self.newest.in_force(&self.started, self.loader.table))
    }

    /// A file that was there and is gone is a fault: editors and tools may be about to write it.
    fn read(&self) -> Result<Configuration, Broken> {
        let mut loader = self.loader.clone();
        loader.is_named |= self.newest.file.is_some();
        loader.load()
    }

    fn complain(&mut self, broken: Broken, is_asked: bool) {
        if broken.faults == self.faults && !is_asked {
            return;
        }
        for fault in &broken.faults {
            let (code, place) = (codes::CONFIG_INVALID.name, &fault.place);
            let why = &fault.message;
            tracing::error!(code, %place, why, "cannot use the new configuration; the one before goes on");
        }
        self.faults = broken.faults;
    }
}

/// One line for each key.
fn tell(difference: &Difference) {
    let Difference { name: key, before, after, change } = difference;
    let words =
        |given: &Option<Given>| given.as_ref().map_or_else(|| "not given".to_owned(), |given| given.value.clone());
    let (from, to) = (words(before), words(after));
    let source = after.as_ref().or(before.as_ref()).map(|given| given.source.to_string()).unwrap_or_default();
    match change {
        Change::Running => tracing::info!(key, from, to, source, "configuration changed: {key}: {from} → {to}"),
        Change::Restart => tracing::warn!(
            key,
            from,
            to,
            source,
            "configuration changed: {key}: {from} → {to}; this counts once the server is started again"
        ),
    }
}

/// Looks until the stop, at once where a hang-up asks for it; `apply` is told what counts from then on. It may block.
pub async fn follow<F>(watch: Watch, mut hangups: Signal, stop: Stop, mut apply: F)
where
    F: FnMut(Option<Configuration>) + Send + 'static,
{
    let mut state = watch;
    loop {
        let is_asked = tokio::select! {
            () = stop.asked() => return,
            Some(()) = hangups.recv() => true,
            () = tokio::time::sleep(INTERVAL) => false,
        };
        if is_asked {
            tracing::info!("SIGHUP: the configuration is read now; it would have been within seconds without it");
        }
        let looked = tokio::task::spawn_blocking(move || {
            let newer = state.look(is_asked);
            if is_asked || newer.is_some() {
                apply(newer);
            }
            (state, apply)
        });
        match looked.await {
            Ok(back) => (state, apply) = back,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
