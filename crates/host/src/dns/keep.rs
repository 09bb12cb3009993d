//! Keeping the host in DNS while it serves: at once, after each change, and once a day, because records get lost.
//!
//! What was published and is wanted no longer is withdrawn. When the host stops, its records stay, because it will be back;
//! they go with it only where that is asked for.

use std::time::Duration;

use keymuster_core::time::Timestamp;
use keymuster_service::exit::Coded;
use keymuster_service::{Env, Stop};
use tokio::sync::watch;

use super::Publication;
use super::publish::{publish, withdraw};

/// Publications whose records may still be there; for more changes than this without one success the oldest is given up.
const STANDING_MAX: usize = 16;

/// How long a host that is stopped waits for its records to be gone: service managers do not wait for ever.
const AT_STOP: Duration = Duration::from_secs(5);

/// How keeping the host in DNS goes, for whoever watches it; clones share it.
pub type Progress = watch::Sender<Kept>;

/// What became of the last attempts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Kept {
    /// When all records were last as they are wanted, while some were.
    pub published_at: Option<Timestamp>,
    /// Whether the last attempt failed.
    pub is_failing: bool,
    /// Whether what is set cannot be used, such as a broken key file.
    pub is_unusable: bool,
}

/// Keeps DNS as the newest of these publications says, until the stop. Nothing is there to do while there is none.
pub async fn keep_published(
    publications: watch::Receiver<Option<Publication>>,
    progress: &Progress,
    env: Env,
    stop: Stop,
) {
    keep(publications, progress, &env, &stop, PACE).await;
}

/// When DNS is looked after again.
#[derive(Clone, Copy)]
struct Pace {
    /// After a success.
    daily: Duration,
    /// After the first failure; each further one doubles it.
    retry: Duration,
    retry_max: Duration,
}

const PACE: Pace = Pace {
    daily: Duration::from_secs(24 * 3600),
    retry: Duration::from_secs(10),
    retry_max: Duration::from_secs(3600),
};

impl Pace {
    /// The time until the next attempt, after so many failures in a row.
    fn pause(&self, failures: u32) -> Duration {
        match failures.checked_sub(1) {
            None => self.daily,
            Some(doublings) => self.retry.saturating_mul(2_u32.saturating_pow(doublings)).min(self.retry_max),
        }
    }
}

async fn keep(
    mut publications: watch::Receiver<Option<Publication>>,
    progress: &Progress,
    env: &Env,
    stop: &Stop,
    pace: Pace,
) {
    let mut keeper = Keeper { env, progress, pace, wanted: None, standing: Vec::new(), told: None, failures: 0 };
    loop {
        keeper.want(publications.borrow_and_update().clone());
        loop {
            // A change waits for the end of an attempt: what a server has not answered, it may still carry out.
            let pause = tokio::select! {
                pause = keeper.attempt() => pause,
                () = stop.asked() => return keeper.leave().await,
            };
            tokio::select! {
                () = changed(&mut publications) => break,
                () = tokio::time::sleep(pause) => {}
                () = stop.asked() => return keeper.leave().await,
            }
        }
    }
}

/// Returns when there is another publication; never, when nobody is left who could send one.
async fn changed(publications: &mut watch::Receiver<Option<Publication>>) {
    if publications.changed().await.is_err() {
        std::future::pending().await
    }
}

struct Keeper<'a> {
    env: &'a Env,
    progress: &'a Progress,
    pace: Pace,
    wanted: Option<Publication>,
    /// Earlier publications that may still be in DNS, the oldest first.
    standing: Vec<Publication>,
    /// What was logged last about what is wanted.
    told: Option<&'static str>,
    /// So many attempts have failed since the last success.
    failures: u32,
}

impl Keeper<'_> {
    fn want(&mut self, wanted: Option<Publication>) {
        self.standing.extend(std::mem::replace(&mut self.wanted, wanted));
        if self.standing.len() > STANDING_MAX {
            let given_up = self.standing.remove(0);
            tracing::warn!(host = %given_up.target, "earlier records may stay in DNS: too many changes have failed");
        }
        (self.told, self.failures) = (None, 0);
    }

    /// Brings DNS to what is wanted, and returns after which time to do so again.
    async fn attempt(&mut self) -> Duration {
        let had = !self.standing.is_empty();
        let settled = self.settle().await;
        self.failures = if settled.is_err() { self.failures + 1 } else { 0 };
        self.progress.send_modify(|kept| {
            kept.is_failing = settled.is_err();
            if settled.is_ok() && self.wanted.is_some() {
                kept.published_at = Some(self.env.now());
            }
        });
        let pause = self.pace.pause(self.failures);
        let news = match &settled {
            Err(failure) => failure.code.name,
            Ok(()) => "settled",
        };
        // What was told already is not told again.
        if self.told.replace(news) == Some(news) {
            return pause;
        }
        match (settled, &self.wanted) {
            (Err(Coded { code, detail }), _) => {
                let retry_in_secs = pause.as_secs();
                tracing::warn!(code = code.name, error = detail, retry_in_secs, "cannot bring DNS up to date");
            }
            (Ok(()), Some(Publication { zones, target, port, .. })) => {
                let zones: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
                tracing::info!(zones = zones.join(" "), host = %target, port, "published in DNS");
            }
            (Ok(()), None) if had => tracing::info!("withdrawn from DNS"),
            (Ok(()), None) => {}
        }
        pause
    }

    /// Takes the records away where the host is to take them with it when it stops.
    async fn leave(self) {
        let Some(wanted) = self.wanted.filter(|wanted| wanted.is_removed_on_stop) else { return };
        let gone = async {
            for publication in self.standing.iter().chain([&wanted]) {
                withdraw(publication, self.env).await?;
            }
            Ok::<(), Coded>(())
        };
        match tokio::time::timeout(AT_STOP, gone).await {
            Ok(Ok(())) => tracing::info!(host = %wanted.target, "withdrawn from DNS, because the host stops"),
            Ok(Err(Coded { code, detail })) => {
                tracing::warn!(code = code.name, error = detail, "the host stops, and its records stay in DNS");
            }
            Err(_) => {
                let waited_secs = AT_STOP.as_secs();
                tracing::warn!(waited_secs, "the host stops, and its records may stay in DNS: no answer in time");
            }
        }
    }

    /// Publishes what is wanted, then withdraws what is left of earlier publications.
    async fn settle(&mut self) -> Result<(), Coded> {
        if let Some(wanted) = &self.wanted {
            publish(wanted, self.env).await?;
        }
        while let Some(earlier) = self.standing.first() {
            if let Some(left) = left(earlier, self.wanted.as_ref()) {
                withdraw(&left, self.env).await?;
            }
            self.standing.remove(0);
        }
        Ok(())
    }
}

/// What an earlier publication brought into DNS and the present one does not; nothing if there is no such record.
fn left(earlier: &Publication, wanted: Option<&Publication>) -> Option<Publication> {
    let mut left = earlier.clone();
    if let Some(wanted) = wanted.filter(|wanted| wanted.target == earlier.target) {
        left.zones.retain(|zone| wanted.zones.iter().all(|other| other.name != zone.name));
        left.addresses.retain(|address| !wanted.addresses.contains(address));
    }
    (!left.zones.is_empty() || !left.addresses.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests;
