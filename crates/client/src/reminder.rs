//! That the user should be told how the product stands: in which words, and when (`docs/spec/client-state.md`, 13).

use keymuster_core::reminder;
use keymuster_core::state::State;
use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp};

use crate::client::Client;
use crate::error::Error;
use crate::status::{HelpUrl, Status};

/// Something to tell the user of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Reminder {
    /// What to tell, in one or two sentences, with the address of the help page where there is one.
    pub text: String,
    /// When to tell it: a moment that has come already means now.
    pub due: Timestamp,
    /// How often it is told while nothing changes, in seconds.
    pub every_secs: u64,
}

impl Client {
    /// Notes that the user was told, so that neither this process nor another tells it again before the time has come.
    ///
    /// ```
    /// # use keymuster_client::{Client, Error, Product, Settings};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let settings = Settings { store: directory.path().to_path_buf(), ..Settings::default() };
    /// # let trust = include_str!("../examples/aurora.trust");
    /// # let product = Product::new(trust, include_bytes!("../examples/aurora.pack"), "desk-pro-2026")?;
    /// let client = Client::open_with(product, settings)?;
    /// let status = client.status();
    /// let reminder = status.reminder.as_ref().filter(|reminder| reminder.due <= status.now);
    /// if let Some(reminder) = reminder {
    ///     println!("{}", reminder.text);
    ///     client.reminded()?;
    /// }
    /// assert!(client.status().reminder.unwrap().due > status.now);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn reminded(&self) -> Result<Status, Error> {
        self.update(|record| record.reminded_at = Some(record.mark.mark().at))?;
        Ok(self.status())
    }
}

impl Reminder {
    /// What there is to tell at `now`, where the user was told last at `told_at`.
    pub(crate) fn of(
        product: &str,
        state: State,
        help: Option<&HelpUrl>,
        told_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Reminder> {
        let reminder::Reminder { every_secs, due } = reminder::Reminder::of(&state, told_at, now)?;
        let mut text = match state {
            State::Unlicensed => return None,
            State::Licensed { until: None, .. } => return None,
            State::Licensed { until: Some(until), .. } => {
                format!("{product} is licensed for {} more, and its renewal is overdue.", left(until, now))
            }
            State::Grace { reason, until } => {
                format!("{product} can be used for {} more without activation: {reason}.", left(until, now))
            }
            State::Notification { reason, .. } => format!("{product} is not licensed: {reason}."),
        };
        if let Some(help) = help {
            text.push_str(&format!(" Help: {}", help.url));
        }
        Some(Reminder { text, due, every_secs })
    }
}

/// The time left in one unit, as people count it.
fn left(until: Timestamp, now: Timestamp) -> String {
    let secs = until.secs_since(now);
    let (unit, name) = match secs {
        0..HOUR => (MINUTE, "minute"),
        HOUR..DAY => (HOUR, "hour"),
        _ => (DAY, "day"),
    };
    let count = secs / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}
