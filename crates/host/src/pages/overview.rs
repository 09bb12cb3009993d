//! The overview: who is counted against which threshold, how the clients stand, what is due, what to do next.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::chart::{
    Bar, Columns, Countdown, Gauge, Markup, Moment, Part, Series, Slot, Tone, bar, columns, countdown, gauge, number,
};
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::shown::{When, when};
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::clients::State;
use crate::views::overview::{self, Overview, Requests};
use crate::views::status::{DnsReport, FamilyReport, IntervalReport, KeyReport, PublisherReport, Report};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    overview: Overview,
    now: Timestamp,
}

impl OverviewPage {
    fn when(&self, secs: &u64) -> When {
        when(*secs, self.now)
    }

    fn number(&self, value: &u64) -> String {
        number(*value)
    }

    /// The count against the highest threshold.
    fn gauge(&self, family: &FamilyReport) -> Markup {
        let threshold = family.thresholds.last().copied().map_or(0, u64::from);
        gauge(&Gauge { label: &family.id, count: family.count, threshold, unit: "clients" })
    }

    /// What the count means: which thresholds are reached.
    fn thresholds(&self, family: &FamilyReport) -> String {
        let words = family.thresholds.iter().map(|threshold| {
            let missing = u64::from(*threshold).saturating_sub(family.count);
            if missing == 0 { format!("{threshold} is reached") } else { format!("{missing} to come to {threshold}") }
        });
        words.collect::<Vec<_>>().join("; ")
    }

    fn states(&self) -> Option<Markup> {
        let clients = self.overview.clients.as_ref().filter(|clients| clients.total > 0)?;
        let hrefs = State::ALL.map(|state| format!("/clients?state={}", state.name()));
        let parts = clients.states.iter().zip(&hrefs).filter(|(in_state, _)| in_state.clients > 0);
        let parts: Vec<Part<'_>> = parts
            .map(|(in_state, href)| Part {
                name: in_state.state.words(),
                count: in_state.clients,
                tone: tone(in_state.state),
                href: Some(href),
            })
            .collect();
        Some(bar(&Bar { title: &format!("States of {} clients", number(clients.total)), parts: &parts }))
    }

    fn hours(&self) -> Markup {
        let label = |at: Timestamp| at.to_string().get(11..16).unwrap_or_default().to_owned();
        requests("Requests in the last 24 hours", &self.overview.hours, label)
    }

    fn days(&self) -> Markup {
        requests("Requests in the last 30 days", &self.overview.days, month_and_day)
    }

    fn renewals(&self) -> Option<Markup> {
        let clients = self.overview.clients.as_ref()?;
        Some(ahead("Renewals due in the next 14 days", "Due", &clients.renewals, clients.at))
    }

    fn ends(&self) -> Option<Markup> {
        let clients = self.overview.clients.as_ref()?;
        Some(ahead("Leases that run out in the next 30 days", "Run out", &clients.ends, clients.at))
    }

    /// How long an entitlement still runs.
    fn countdown(&self, publisher: &PublisherReport, key: &KeyReport) -> Option<Markup> {
        let (begins, warns, stops) = (key.issued_at?, key.warn_at?, key.stop_at?);
        let moment = |secs: u64| Moment {
            day: secs / DAY,
            text: Timestamp::from_secs(secs).to_string().get(..10).unwrap_or_default().to_owned(),
        };
        Some(countdown(&Countdown {
            label: &format!("Entitlement of the key {} of {}", key.last_five, publisher.id),
            begins: moment(begins),
            warns: moment(warns),
            stops: moment(stops),
            today: self.now.as_secs() / DAY,
        }))
    }

    fn is_clock_behind(&self) -> bool {
        self.overview.status.is_clock_behind()
    }
}

fn tone(state: State) -> Tone {
    match state {
        State::Licensed => Tone::Good,
        State::Overdue | State::Ending => Tone::Warn,
        State::Ended | State::Refused => Tone::Bad,
        State::Returned | State::Released => Tone::Quiet,
    }
}

fn month_and_day(at: Timestamp) -> String {
    at.to_string().get(5..10).unwrap_or_default().to_owned()
}

fn requests(title: &str, stretches: &[Requests], label: impl Fn(Timestamp) -> String) -> Markup {
    let slot = |requests: &Requests| {
        let at = Timestamp::from_secs(requests.at);
        let name = at.to_string().get(..16).unwrap_or_default().replace('T', " ");
        Slot { label: label(at), name, counts: vec![requests.granted, requests.refused, requests.other] }
    };
    let slots: Vec<Slot> = stretches.iter().map(slot).collect();
    let series = [
        Series { name: "Granted", tone: Tone::Good },
        Series { name: "Refused", tone: Tone::Bad },
        Series { name: "Other", tone: Tone::Quiet },
    ];
    columns(&Columns { title, series: &series, slots: &slots })
}

/// What is foretold for the days from a moment on.
fn ahead(title: &str, name: &str, days: &[u64], at: u64) -> Markup {
    let slot = |(place, count): (u64, &u64)| {
        let day = Timestamp::from_secs(at + place * DAY);
        let name = day.to_string().get(..16).unwrap_or_default().replace('T', " ");
        Slot { label: month_and_day(day), name: format!("24 hours from {name}"), counts: vec![*count] }
    };
    let slots: Vec<Slot> = (0..).zip(days).map(slot).collect();
    columns(&Columns { title, series: &[Series { name, tone: Tone::First }], slots: &slots })
}

/// `GET /`.
pub async fn show(page: Page<Look>, Shared(app): Shared<Administration>) -> page::Result<Response> {
    let now = page.at();
    let overview = read(&app, now).await?;
    html(&OverviewPage { frame: page.frame(), overview, now })
}

/// The overview as it is now.
pub(crate) async fn read(app: &Administration, now: Timestamp) -> Result<Overview, Problem> {
    let look = app.glance.look().await?;
    let data_dir = app.data_dir.clone();
    app.console.pool().read(move |tx| Ok(overview::load(tx, &data_dir, &look, now)?)).await
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    Ok(vec![
        ("overview-empty", sample(status(Vec::new()), None, 0).render()?),
        ("overview-typical", sample(status(vec![publisher("aurora", 31)]), Some(1_200), 3).render()?),
        ("overview-full", full().render()?),
        ("overview-counting", sample(status(vec![publisher("aurora", 999_999)]), None, 900).render()?),
        ("overview-error", troubled().render()?),
    ])
}

fn full() -> OverviewPage {
    let publishers = ["aurora", "borealis", "cirrus", "delphi"].map(|id| publisher(id, 999_999));
    sample(status(Vec::from(publishers)), Some(1_000_000), 90_000)
}

/// A host on which everything is wrong.
fn troubled() -> OverviewPage {
    let mut report = status(vec![publisher("aurora", 24)]);
    report.answers = false;
    report.newest_entry_at = Some(report.time + 9_000);
    report.next = vec![
        "set the clock: it is behind the newest entry of the ledger, so that nothing is granted".to_owned(),
        "renew the entitlement whose end is 2027-02-01T08:00:00Z: keymuster-host activate --publisher aurora"
            .to_owned(),
    ];
    report.publishers[0].families[0].warning = Some("24 of 25 clients are close to too few".to_owned());
    sample(report, Some(40), 7)
}

fn sample(status: Report, clients: Option<u64>, requests: u64) -> OverviewPage {
    let now = Timestamp::from_secs(status.time);
    let of = |total: u64| overview::Clients {
        at: status.time - 2,
        states: State::ALL
            .iter()
            .zip([80, 6, 4, 5, 2, 2, 1])
            .map(|(state, percent)| overview::InState { state: *state, clients: total * percent / 100 })
            .collect(),
        total,
        renewals: (0..14).map(|day| total * (day % 5 + 1) / 40).collect(),
        ends: (0..30).map(|day| total * (day % 3) / 900).collect(),
    };
    let stretches = |number: u64, secs: u64| -> Vec<Requests> {
        let stretch = |place: u64| Requests {
            at: now.minus((number - place) * secs).as_secs(),
            granted: requests * (place % 7 + 1),
            refused: requests * (place % 3),
            other: requests * (place % 2),
        };
        (0..number).map(stretch).collect()
    };
    let (hours, days) = (stretches(24, 3600), stretches(30, DAY));
    OverviewPage {
        frame: Frame::sample(&PRODUCT, "/"),
        overview: Overview { clients: clients.map(of), hours, days, status },
        now,
    }
}

fn status(publishers: Vec<PublisherReport>) -> Report {
    let next = if publishers.is_empty() {
        vec!["add a publisher: keymuster-host add-publisher --trust FILE --pack FILE".to_owned()]
    } else {
        Vec::new()
    };
    Report {
        host: "9c".repeat(16),
        version: env!("CARGO_PKG_VERSION"),
        data_dir: "/var/lib/keymuster-host".to_owned(),
        time: 1_800_000_000,
        epoch: 1,
        ledger_sequence: 48_211,
        newest_entry_at: Some(1_799_999_990),
        serving: None,
        answers: true,
        dns: DnsReport { publishing: false, zones: Vec::new(), why_not: Some("no zone is set".to_owned()) },
        publishers,
        next,
    }
}

fn publisher(id: &str, count: u64) -> PublisherReport {
    let interval = |secs| IntervalReport { secs, source: "publisher" };
    PublisherReport {
        id: id.to_owned(),
        name: format!("{id} software"),
        catalogue_version: 3,
        keys: vec![KeyReport {
            last_five: "7M4QX".to_owned(),
            group: "Desk 2026".to_owned(),
            covers: vec!["Desk 2026".to_owned()],
            customer: Some("Contoso".to_owned()),
            issued_at: Some(1_790_000_000),
            warn_at: Some(1_807_000_000),
            stop_at: Some(1_809_500_000),
            clients_max: None,
            left_out: None,
            waits_since: None,
        }],
        editions: Vec::new(),
        needs: String::new(),
        families: vec![FamilyReport {
            id: "desk".to_owned(),
            count,
            thresholds: vec![5, 25],
            silent: 2,
            falls_below_at: None,
            warning: None,
        }],
        pools: Vec::new(),
        renewal: interval(7 * DAY),
        activation: interval(7200),
        counters: std::collections::BTreeMap::new(),
        requests_last_day: Vec::new(),
        shared_identities: Vec::new(),
        waiting_for_exchange: 0,
    }
}
