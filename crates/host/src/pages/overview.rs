//! The overview: who is counted against which threshold, how the clients stand, what is due, what to do next.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::chart::{
    Bar, Columns, Countdown, Gauge, Markup, Moment, Part, Roll, Series, Slot, Tone, bar, columns, countdown, gauge,
    number, roll,
};
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;
use keymuster_service::console::words::sentence;

use super::parts::{When, about, sample_id};
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::clients::State;
use crate::views::overview::{self, Overview, Requests};
use crate::views::status::{
    DnsReport, FamilyReport, HistoryReport, IntervalReport, KeyReport, PublisherReport, Report, ReturnReport,
    ShownPlace,
};

/// Where a publisher is added.
const PUBLISHER: &str = "/products/packs#publisher";
/// Where a key is installed.
const INSTALL: &str = "/keys/install";

/// One of the numbers that tell how the host does.
struct Number {
    label: &'static str,
    value: String,
    note: String,
    kind: &'static str,
    href: &'static str,
}

/// A step on the way from an empty host to one that grants leases.
struct Step {
    title: &'static str,
    text: &'static str,
    href: &'static str,
    is_done: bool,
    /// Whether it is the first that is not done.
    is_next: bool,
}

/// What to do next: in words, by a command, and on which page; the latter two may be empty.
struct Advice {
    what: Markup,
    command: String,
    href: &'static str,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    overview: Overview,
    now: Timestamp,
}

impl OverviewPage {
    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }

    fn number(&self, value: &u64) -> String {
        number(*value)
    }

    fn numbers(&self) -> Vec<Number> {
        let clients = self.overview.clients.as_ref();
        [clients.map(all_clients), clients.map(without_lease), Some(self.refused()), Some(self.entitlement())]
            .into_iter()
            .flatten()
            .collect()
    }

    fn refused(&self) -> Number {
        let sum = |of: fn(&Requests) -> u64| self.overview.hours.iter().map(of).sum::<u64>();
        let (refused, all) = (sum(|hour| hour.refused), sum(|hour| hour.granted + hour.refused + hour.other));
        let note = if all == 0 { "nobody asked".to_owned() } else { format!("of {} requests", number(all)) };
        Number { label: "Refused in 24 hours", value: number(refused), note, kind: "", href: "/refusals" }
    }

    /// The entitlement that ends first.
    fn entitlement(&self) -> Number {
        let keys = self.overview.status.publishers.iter().flat_map(|publisher| &publisher.keys);
        let first = keys.filter_map(|key| Some((key.stop_at?, key.warn_at?, &key.last_five))).min();
        let (label, href) = ("Entitlement", "/keys");
        let Some((stop_at, warn_at, last_five)) = first else {
            let note = "nothing is granted without one".to_owned();
            return Number { label, value: "None".to_owned(), note, kind: "warn", href };
        };
        let now = self.now.as_secs();
        // Counted as the time line counts them.
        let left = match (stop_at / DAY).saturating_sub(now / DAY) {
            0 | 1 => about(stop_at.saturating_sub(now)),
            days => format!("{days} days"),
        };
        let (value, kind) = match now {
            now if now >= stop_at => ("Ended".to_owned(), "bad"),
            now if now >= warn_at => (left, "warn"),
            _ => (left, ""),
        };
        Number { label, value, note: format!("until {}, key {last_five}", When::at(stop_at).date()), kind, href }
    }

    /// Whether it has what it needs to grant leases.
    fn is_set_up(&self) -> bool {
        self.steps().iter().all(|step| step.is_done)
    }

    fn has_entitlement(&self) -> bool {
        let mut keys = self.overview.status.publishers.iter().flat_map(|publisher| &publisher.keys);
        keys.any(|key| key.stop_at.is_some())
    }

    fn steps(&self) -> Vec<Step> {
        let publishers = &self.overview.status.publishers;
        let has_key = publishers.iter().any(|publisher| !publisher.keys.is_empty());
        let all = [
            (
                "Add a publisher",
                "Its trust file and its licence pack say whose keys this host can take.",
                PUBLISHER,
                !publishers.is_empty(),
            ),
            (
                "Install a host key",
                "The publisher sends one with each volume licence: 25 symbols in five groups.",
                INSTALL,
                has_key,
            ),
            (
                "Activate the key",
                "Over the network, or with a file or photographs where there is none.",
                "/keys/activate",
                self.has_entitlement(),
            ),
        ];
        let next = all.iter().position(|(.., is_done)| !is_done);
        let step =
            |(place, (title, text, href, is_done))| Step { title, text, href, is_done, is_next: next == Some(place) };
        all.into_iter().enumerate().map(step).collect()
    }

    /// How the ledger was found to be an older copy.
    fn set_back(&self) -> Option<String> {
        let returned = self.overview.status.set_back()?;
        let proof = returned.proof()?;
        Some(format!("it was found to end with entry {}, and {proof}; a new epoch began", returned.sequence))
    }

    /// Until when nobody new gets a seat.
    fn no_new_seats_until(&self) -> Option<When> {
        self.overview.status.no_new_seats_until().map(|until| self.when(&until))
    }

    /// What to do next, but for what the steps say.
    fn advice(&self) -> Vec<Advice> {
        let advice = self.overview.status.next.iter().map(|text| {
            let (what, command) = text.split_once(": ").unwrap_or((text, ""));
            // What follows "set the clock" is a reason.
            let is_command = command.starts_with("keymuster") || command.starts_with("systemctl");
            let (what, command) = if is_command { (what, command) } else { (text.as_str(), "") };
            let href = match what.split(' ').next() {
                Some("add") => PUBLISHER,
                Some("install") => INSTALL,
                Some("activate" | "renew" | "fetch") => "/keys/activate",
                Some("see") => "/keys",
                Some("exchange") => "/exchange",
                _ => "",
            };
            Advice { what: sentence(what), command: command.to_owned(), href }
        });
        let is_step = |advice: &Advice| [PUBLISHER, INSTALL].contains(&advice.href);
        advice.filter(|advice| self.is_set_up() || !is_step(advice)).collect()
    }

    /// The count against the highest threshold: as a roll call until it is reached.
    fn gauge(&self, family: &FamilyReport) -> Markup {
        let threshold = family.thresholds.last().copied().map_or(0, u64::from);
        let (label, count, unit) = (&*family.id, family.count, "clients");
        if count < threshold {
            roll(&Roll { label, count, threshold, unit })
        } else {
            gauge(&Gauge { label, count, threshold, unit })
        }
    }

    /// What the count means: which thresholds are reached.
    fn thresholds(&self, family: &FamilyReport) -> String {
        let words = family.thresholds.iter().map(|threshold| {
            let missing = u64::from(*threshold).saturating_sub(family.count);
            if missing == 0 { format!("{threshold} is reached") } else { format!("{missing} to come to {threshold}") }
        });
        format!("Thresholds: {}.", words.collect::<Vec<_>>().join(", "))
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

    /// Whether anything is due of what is known.
    fn has_due(&self) -> bool {
        self.overview
            .clients
            .as_ref()
            .is_some_and(|clients| clients.renewals.iter().chain(&clients.ends).any(|due| *due > 0))
    }

    fn renewals(&self) -> Option<Markup> {
        let clients = self.overview.clients.as_ref().filter(|clients| clients.renewals.iter().any(|due| *due > 0))?;
        Some(ahead("Renewals due in the next 14 days", "Due", &clients.renewals, clients.at))
    }

    fn ends(&self) -> Option<Markup> {
        let clients = self.overview.clients.as_ref().filter(|clients| clients.ends.iter().any(|end| *end > 0))?;
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
            label: &format!("Key {} of {}", key.last_five, publisher.name),
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

/// All of them, and how many have a lease.
fn all_clients(clients: &overview::Clients) -> Number {
    let licensed = [State::Licensed, State::Overdue, State::Ending].map(|state| in_state(clients, state)).iter().sum();
    let note = match clients.total {
        0 => "none has asked yet".to_owned(),
        total if total == licensed => "all of them with a lease".to_owned(),
        _ => format!("{} of them with a lease", number(licensed)),
    };
    Number { label: "Clients", value: number(clients.total), note, kind: "", href: "/clients" }
}

/// Those that somebody should look at.
fn without_lease(clients: &overview::Clients) -> Number {
    let (ended, refused) = (in_state(clients, State::Ended), in_state(clients, State::Refused));
    let note = format!("{} ended, {} refused", number(ended), number(refused));
    let (kind, href) = match (ended, refused) {
        (0, 0) => ("good", "/clients"),
        (0, _) => ("warn", "/clients?state=refused"),
        _ => ("bad", "/clients?state=ended"),
    };
    Number { label: "Without a lease", value: number(ended + refused), note, kind, href }
}

fn in_state(clients: &overview::Clients, state: State) -> u64 {
    clients.states.iter().filter(|found| found.state == state).map(|found| found.clients).sum()
}

/// No two states in the same one.
fn tone(state: State) -> Tone {
    match state {
        State::Licensed => Tone::Good,
        State::Overdue => Tone::First,
        State::Ending => Tone::Second,
        State::Ended => Tone::Bad,
        State::Returned => Tone::Quiet,
        State::Refused => Tone::Warn,
        State::Released => Tone::Third,
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
        Series { name: "Refused", tone: Tone::Warn },
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
        ("overview-typical", sample(status(vec![publisher("aurora", 1_178)]), Some(1_240), 3).render()?),
        ("overview-first-clients", beginning().render()?),
        ("overview-full", full().render()?),
        ("overview-counting", sample(status(vec![publisher("aurora", 999_999)]), None, 900).render()?),
        ("overview-error", troubled().render()?),
    ])
}

fn full() -> OverviewPage {
    let publishers = ["aurora", "borealis", "cirrus", "delphi"].map(|id| publisher(id, 999_999));
    sample(status(Vec::from(publishers)), Some(1_000_000), 90_000)
}

/// A host that has just been set up: its first clients have asked, and wait for the others.
fn beginning() -> OverviewPage {
    let mut page = sample(status(vec![publisher("aurora", 18)]), Some(18), 0);
    if let Some(clients) = &mut page.overview.clients {
        clients.states.iter_mut().for_each(|found| found.clients = u64::from(found.state == State::Refused) * 18);
        (clients.renewals, clients.ends) = (vec![0; 14], vec![0; 30]);
    }
    page.overview.hours[23].refused = 18;
    page.overview.days[29].refused = 18;
    page
}

/// A host on which everything is wrong.
fn troubled() -> OverviewPage {
    let mut report = status(vec![publisher("aurora", 24)]);
    report.answers = false;
    report.newest_entry_at = Some(report.time + 9_000);
    report.returned = Some(ReturnReport {
        at: report.time - 600,
        made_at: report.time - 90_000,
        sequence: 47_900,
        cause: "client",
        shown: Some(ShownPlace { epoch: 1, sequence: 48_210 }),
        client: Some(sample_id(7)),
        no_new_seats_until: report.time + 3_600,
    });
    report.next = vec![
        "find out who put an older copy of the ledger in place: keymuster explain ledger-set-back".to_owned(),
        "set the clock: it is behind the newest entry of the ledger, so that nothing is granted".to_owned(),
        "renew the entitlement whose end is 2027-02-01T08:00:00Z: keymuster-host activate --publisher aurora --key 7M4QX"
            .to_owned(),
    ];
    report.publishers[0].families[0].warning = Some("24 of 25 clients are close to too few".to_owned());
    let (key, time) = (&mut report.publishers[0].keys[0], report.time);
    (key.issued_at, key.warn_at, key.stop_at) = (Some(time - 348 * DAY), Some(time - 13 * DAY), Some(time + 17 * DAY));
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
        renewals: [9, 8, 9, 7, 2, 1, 8, 9, 8, 7, 8, 3, 1, 9].map(|share| total * share / 90).into(),
        ends: [0, 1, 3, 2, 0, 0, 4, 1, 2, 5].repeat(3).into_iter().map(|share| total * share / 900).collect(),
    };
    let stretches = |number: u64, secs: u64| -> Vec<Requests> {
        let stretch = |place: u64| Requests {
            at: now.minus((number - place) * secs).as_secs(),
            granted: requests * (place * place % 11 + 3),
            refused: requests * (place * place % 5 / 3),
            other: requests * (place % 2) / 2,
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
        host: "5d21c0f3a9e84b7712f6083bd94ce1a5".to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        data_dir: "/var/lib/keymuster-host".to_owned(),
        time: 1_800_000_000,
        epoch: 1,
        ledger_sequence: 48_211,
        newest_entry_at: Some(1_799_999_990),
        history: HistoryReport { days: 730, ledger_pruned: 0, clients_pruned: 0 },
        returned: None,
        moved_with: None,
        serving: None,
        answers: true,
        rpc_hellos: 0,
        is_certificate_ordered: false,
        dns: DnsReport { publishing: false, zones: Vec::new(), why_not: Some("no zone is set".to_owned()) },
        publishers,
        next,
    }
}

fn publisher(id: &str, count: u64) -> PublisherReport {
    let interval = |secs| IntervalReport { secs, source: "publisher" };
    PublisherReport {
        id: id.to_owned(),
        name: format!("{}{} Systems", id[..1].to_uppercase(), &id[1..]),
        catalogue_version: 3,
        keys: vec![KeyReport {
            last_five: "7M4QX".to_owned(),
            group: "Desk 2026".to_owned(),
            covers: vec!["Desk 2026".to_owned()],
            customer: Some("Muster Works".to_owned()),
            issued_at: Some(1_790_000_000),
            warn_at: Some(1_807_000_000),
            stop_at: Some(1_809_500_000),
            tls_key: None,
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
