//! Looks at DNS for administrators: one look at a time, kept for a minute, because name servers are slow and may not answer.
//!
//! A look goes on where nobody waits for it any more, so that the next one who asks finds it done.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keymuster_core::time::{MINUTE, Timestamp};
use keymuster_service::Env;
use tokio::sync::watch;

use crate::dns::{TsigKey, system_servers};
use crate::views::dns::{Asked, Report, configured, report};

/// For how long a look counts, in seconds.
pub const KEPT_SECS: u64 = MINUTE;
/// How old a look is at least before another one is taken, also for those who ask for it, in seconds.
pub const AGAIN_SECS: u64 = 3;
/// How long a look may take; some zones may be missing then, so nothing of it is shown.
const WITHIN: Duration = Duration::from_secs(10);

/// Looks for all who ask; clones share them.
#[derive(Clone, Debug)]
pub struct Lookout {
    data_dir: Arc<Path>,
    env: Env,
    seen: Arc<watch::Sender<Seen>>,
}

/// What is known of DNS.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The newest look, when it was taken and what came of it.
    pub last: Option<(Timestamp, Arc<Look>)>,
    /// Since when another one is being taken.
    pub looking_since: Option<Timestamp>,
}

/// What came of a look.
#[derive(Debug)]
pub enum Look {
    /// What DNS says.
    Report(Report),
    /// Why nobody could be asked, or nobody answered.
    Nothing(String),
}

impl Lookout {
    /// A lookout for the host in `data_dir`, which has not looked yet.
    pub fn new(data_dir: Arc<Path>, env: Env) -> Lookout {
        Lookout { data_dir, env, seen: Arc::new(watch::Sender::new(Seen::default())) }
    }

    /// What is known, at most `age_secs` old; what is not known within `wait` is being looked for.
    pub async fn look(&self, age_secs: u64, wait: Duration) -> Seen {
        let now = self.env.now();
        let is_begun = self.seen.send_if_modified(|seen| {
            let is_fresh = seen.last.as_ref().is_some_and(|(at, _)| now < at.plus(age_secs));
            let is_looking = seen.looking_since.is_some_and(|since| now < since.plus(KEPT_SECS));
            let begins = !is_fresh && !is_looking;
            if begins {
                seen.looking_since = Some(now);
            }
            begins
        });
        if is_begun {
            let lookout = self.clone();
            tokio::spawn(async move { lookout.take().await });
        }
        let mut seen = self.seen.subscribe();
        // Who asked in vain is told what is known so far.
        let _ = tokio::time::timeout(wait, seen.wait_for(|seen| seen.looking_since.is_none())).await;
        self.seen.borrow().clone()
    }

    /// What was seen does not count any more.
    pub fn forget(&self) {
        self.seen.send_modify(|seen| seen.last = None);
    }

    async fn take(&self) {
        let look = match tokio::time::timeout(WITHIN, look(&self.data_dir, &self.env)).await {
            Ok(Ok(report)) => Look::Report(report),
            Ok(Err(error)) => Look::Nothing(format!("{error:#}")),
            Err(_) => Look::Nothing(format!("the name servers have not answered within {} seconds", WITHIN.as_secs())),
        };
        let at = self.env.now();
        self.seen.send_modify(|seen| *seen = Seen { last: Some((at, Arc::new(look))), looking_since: None });
    }
}

async fn look(data_dir: &Path, env: &Env) -> anyhow::Result<Report> {
    let configured = configured(data_dir)?;
    let key = configured.key_file.as_deref().map(TsigKey::read).transpose()?;
    let server = configured.server;
    let plan = configured.plan()?;
    Ok(report(plan, Asked { server, key, resolvers: system_servers(), env: env.clone() }).await)
}
