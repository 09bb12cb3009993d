//! The installed host keys, until when each counts, and what to do next.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::console::Page;
use keymuster_service::console::chart::{Countdown, Moment, countdown, number};
use keymuster_service::console::frame::Frame;
use keymuster_service::console::markup::Markup;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::{self, Look};

use super::parts::{When, about, until};
use super::{PRODUCT, Sample};
use crate::acts::activation::PoolSeats;
use crate::administration::Administration;
use crate::views::keys::{self, Key, Keys, PublisherName, State as Standing, Why};

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    keys: Keys,
    now: Timestamp,
    /// Whether whoever looks may install, activate and remove.
    may: bool,
}

impl KeysPage {
    fn badge(&self, key: &Key) -> (&'static str, &'static str) {
        badge(key)
    }

    /// The sentence below the head of a key: what its state means.
    fn meaning(&self, key: &Key) -> String {
        let left = |secs: Option<u64>| secs.map(|secs| until(secs, self.now)).unwrap_or_default();
        match key.state {
            Standing::New => "It is installed, and grants nothing before it is activated.".to_owned(),
            Standing::Waiting => {
                let ago = key.waits_since.map(|at| about(self.now.as_secs().saturating_sub(at))).unwrap_or_default();
                format!("A request was made {ago} ago, and its answer was not taken yet.")
            }
            Standing::Active => format!("Nothing is to be done; the time to renew it is {}.", left(key.warn_at)),
            Standing::Ending => {
                format!("Renew it: it ends {}, and then clients get no more leases on it.", left(key.stop_at))
            }
            Standing::Ended => {
                format!("It ended {}. Clients keep what they hold, and get no more leases on it.", left(key.stop_at))
            }
            Standing::LeftOut => "What was granted for it does not count any more.".to_owned(),
        }
    }

    /// How long it still counts, drawn.
    fn countdown(&self, key: &Key) -> Option<Markup> {
        let moment = |secs: u64| Moment { day: secs / DAY, text: When::at(secs).date() };
        Some(countdown(&Countdown {
            label: &format!("Entitlement of the key that ends in {}", key.last_five),
            begins: moment(key.issued?),
            warns: moment(key.warn_at?),
            stops: moment(key.stop_at?),
            today: self.now.as_secs() / DAY,
        }))
    }

    fn number(&self, n: &u64) -> String {
        number(*n)
    }

    fn when(&self, secs: &u64) -> When {
        When::at(*secs)
    }

    /// What the button that activates it is called.
    fn activation(&self, key: &Key) -> &'static str {
        match key.state {
            Standing::New | Standing::Waiting => "Activate",
            _ => "Renew",
        }
    }

    fn is_urgent(&self, key: &Key) -> bool {
        key.state != Standing::Active
    }
}

/// The kind and the word of a badge.
pub fn badge(key: &Key) -> (&'static str, &'static str) {
    match key.state {
        Standing::New => ("warn", "Not activated"),
        Standing::Waiting => ("busy", "Waits for its answer"),
        Standing::Active => ("good", "Activated"),
        Standing::Ending => ("warn", "To be renewed"),
        Standing::Ended => ("bad", "Ended"),
        Standing::LeftOut => ("bad", "Does not count"),
    }
}

/// `GET /keys`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let now = page.at();
    let keys = app.console.pool().read(move |tx| keys::load(tx, now)).await?;
    html(&KeysPage { frame: page.frame(), keys, now, may: page.account().may::<permission::Keys>() })
}

/// What keys of sample pages end in.
pub const FIVES: [&str; 7] = ["7M4QX", "KW9RT", "BV6GH", "QD3YF", "X8TPC", "MR2WJ", "H4GVD"];

/// A key for sample pages.
pub fn sample(last_five: &str, state: Standing) -> Key {
    let now = 1_800_000_000;
    let has_entitlement = matches!(state, Standing::Active | Standing::Ending | Standing::Ended);
    let stop_at = match state {
        Standing::Active => now + 203 * DAY,
        Standing::Ending => now + 12 * DAY,
        _ => now - 2 * DAY,
    };
    Key {
        publisher: "aurora".to_owned(),
        publisher_name: "Aurora Systems".to_owned(),
        id: format!("50007820{}", last_five.to_lowercase()),
        last_five: last_five.to_owned(),
        group: "Aurora Server C 2026".to_owned(),
        covers: ["Server A 2026", "Server B 2026", "Server C 2026", "Desk 2026"]
            .map(|name| format!("Aurora {name}"))
            .into(),
        state,
        customer: has_entitlement.then(|| "Muster Works".to_owned()),
        issued: has_entitlement.then_some(stop_at - 365 * DAY),
        warn_at: has_entitlement.then_some(stop_at - 30 * DAY),
        stop_at: has_entitlement.then_some(stop_at),
        clients_max: (state == Standing::Active).then_some(5000),
        pools: Vec::from_iter((state == Standing::Active).then(|| PoolSeats { id: "studio".to_owned(), seats: 40 })),
        left_out: (state == Standing::LeftOut)
            .then(|| Why { code: "revoked", why: "the publisher has taken it back".to_owned() }),
        waits_since: (state == Standing::Waiting).then_some(now - 3 * 3600),
    }
}

/// A publisher for sample pages.
pub fn sample_publisher(id: &str, name: &str) -> PublisherName {
    let authority = Some(format!("https://activation.{id}.example"));
    PublisherName { id: id.to_owned(), name: name.to_owned(), authority }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let aurora = || vec![sample_publisher("aurora", "Aurora Systems")];
    let page = |keys: Vec<Key>, publishers| KeysPage {
        frame: Frame::sample(&PRODUCT, "/keys"),
        keys: Keys { keys, publishers },
        now: Timestamp::from_secs(1_800_000_000),
        may: true,
    };
    let typical = vec![sample("7M4QX", Standing::Active), sample("KW9RT", Standing::New)];
    let all =
        [Standing::New, Standing::Waiting, Standing::Active, Standing::Ending, Standing::Ended, Standing::LeftOut];
    let full =
        all.iter().cycle().zip(FIVES.iter().cycle()).take(24).map(|(state, five)| sample(five, *state)).collect();
    let viewer = KeysPage { may: false, ..page(vec![sample("7M4QX", Standing::Ending)], aurora()) };
    Ok(vec![
        ("keys-without-a-publisher", page(Vec::new(), Vec::new()).render()?),
        ("keys-empty", page(Vec::new(), aurora()).render()?),
        ("keys-typical", page(typical, aurora()).render()?),
        ("keys-full", page(full, aurora()).render()?),
        ("keys-for-a-viewer", viewer.render()?),
    ])
}
