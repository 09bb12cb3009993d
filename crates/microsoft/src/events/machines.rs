//! Machine by machine: who was activated when and by whom, how long that lasts, and which share one machine id.

use std::collections::BTreeMap;

use super::application::{Application, Products};
use super::count::CountSeries;
use super::event::{LICENSED, guid_text};
use super::ledger::{Key, Ledger, Seat};
use super::moment::{DAY, Moment};
use super::names::are_one;

/// For how long an activation holds.
pub const VALID_SECS: u32 = 180 * DAY;
/// A machine renews every seven days; one that has missed three renewals is worth a look.
pub const OVERDUE_SECS: u32 = 21 * DAY;

/// A machine with one of its products.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachineSeen {
    /// Its name.
    pub name: String,
    /// Its client machine id.
    pub cmid: String,
    /// The product's place in the report's list.
    pub product: usize,
    /// Whether it says that it is virtual.
    pub is_virtual: bool,
    /// The host that answered last, or refused it last where none ever answered.
    pub host: String,
    /// Its first request in the logs.
    pub first: Moment,
    /// The request that activated it; nothing where it was activated before the logs begin, or is not.
    pub activated: Option<Moment>,
    /// Its last request that was answered.
    pub renewed: Option<Moment>,
    /// Requests.
    pub requests: u32,
    /// Requests that were refused.
    pub failed: u32,
    /// How its last request ended; 0 is well.
    pub code: u32,
    /// How it stands at the end of the logs.
    pub standing: Standing,
    /// When its activation or grace ends without another renewal.
    pub until: Moment,
}

/// How a machine stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Activated, and renewed within three weeks.
    Licensed,
    /// Activated, and not renewed for three weeks or longer: it runs out.
    RunningOut,
    /// It was activated, and that has ended.
    RanOut,
    /// It asked and was answered, and the count was too low: it waits in its grace.
    Waiting,
    /// It asks and is refused, and is not activated.
    Refused,
}

/// Machines that share one client machine id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clone {
    /// The id.
    pub cmid: String,
    /// The machines with their first and last request.
    pub machines: Vec<(String, Moment, Moment)>,
    /// Whether each stops before the next begins: one machine that was renamed looks so.
    pub is_renamed: bool,
}

impl Standing {
    /// Its name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Licensed => "licensed",
            Standing::RunningOut => "running-out",
            Standing::RanOut => "ran-out",
            Standing::Waiting => "waiting",
            Standing::Refused => "refused",
        }
    }

    /// All, the good first.
    pub const ALL: [Standing; 5] =
        [Standing::Licensed, Standing::RunningOut, Standing::RanOut, Standing::Waiting, Standing::Refused];
}

/// The machines in the order of their names.
pub fn machines(ledger: &Ledger, products: &Products, counts: &[CountSeries], end: Moment) -> Vec<MachineSeen> {
    let by_host: BTreeMap<(u16, Application), &CountSeries> =
        counts.iter().map(|series| ((series.host_number, series.application), series)).collect();
    let mut machines: Vec<MachineSeen> = ledger
        .seats
        .iter()
        .map(|(key, seat)| {
            let id = ledger.products.get(usize::from(key.product)).copied().unwrap_or_default();
            let series = by_host.get(&(seat.host, products.application(id))).copied();
            machine(ledger, key, seat, (series, end))
        })
        .collect();
    machines.sort_by(|a, b| (&a.name, a.product, &a.cmid).cmp(&(&b.name, b.product, &b.cmid)));
    machines
}

fn machine(ledger: &Ledger, key: &Key, seat: &Seat, (series, end): (Option<&CountSeries>, Moment)) -> MachineSeen {
    let host = ledger.hosts.get(usize::from(seat.host));
    let is_well = seat.code == 0;
    // A request that is answered activates where the count is high enough; a log that begins too late for that to be
    // known is given the benefit of its later days.
    let is_enough = series.is_some_and(|series| {
        let day = seat.last.day();
        let count = if series.is_whole_on(day) { series.on(day).unwrap_or_default() } else { series.highest() };
        count >= seat.minimum
    });
    let is_licensed = seat.status == LICENSED || is_well && is_enough;
    let until = if is_well && is_licensed { seat.last.plus(VALID_SECS) } else { seat.last.plus(minutes(seat)) };
    // The log of its host may have been exported before those of others.
    let host_end = host.and_then(|host| host.last).unwrap_or(end);
    let standing = match (is_licensed, is_well) {
        (true, _) if until < end => Standing::RanOut,
        (true, _) if host_end.since(seat.answered.unwrap_or(seat.first)) >= OVERDUE_SECS => Standing::RunningOut,
        (true, _) => Standing::Licensed,
        (false, false) => Standing::Refused,
        (false, true) => Standing::Waiting,
    };
    let activated = seat.activated.filter(|_| seat.was_licensed || is_licensed);
    MachineSeen {
        name: ledger.names.name(key.name).to_owned(),
        cmid: cmid_text(ledger, key.cmid),
        product: usize::from(key.product),
        is_virtual: seat.is_virtual,
        host: host.map_or("", |host| ledger.names.name(host.name)).to_owned(),
        first: seat.first,
        activated,
        renewed: seat.answered,
        requests: seat.requests,
        failed: seat.failed,
        code: seat.code,
        standing,
        until,
    }
}

/// The time that the client says it has left; more than an activation can last is nonsense.
fn minutes(seat: &Seat) -> u32 {
    seat.minutes_left.saturating_mul(60).min(VALID_SECS)
}

fn cmid_text(ledger: &Ledger, number: u32) -> String {
    let cmid = usize::try_from(number).ok().and_then(|place| ledger.cmids.get(place));
    guid_text(cmid.copied().unwrap_or_default())
}

/// The ids that several machines share, the most shared first.
pub fn clones(ledger: &Ledger) -> Vec<Clone> {
    let mut by_cmid: Vec<(u32, u32, Moment, Moment)> =
        ledger.seats.iter().map(|(key, seat)| (key.cmid, key.name, seat.first, seat.last)).collect();
    by_cmid.sort_unstable();
    let mut clones = Vec::new();
    for group in by_cmid.chunk_by(|a, b| a.0 == b.0) {
        let mut machines: Vec<(String, Moment, Moment)> = Vec::new();
        for (_, name, first, last) in group {
            let name = ledger.names.name(*name);
            match machines.iter_mut().find(|(known, ..)| are_one(known, name)) {
                Some((_, known_first, known_last)) => {
                    *known_first = (*known_first).min(*first);
                    *known_last = (*known_last).max(*last);
                }
                None => machines.push((name.to_owned(), *first, *last)),
            }
        }
        if machines.len() > 1 {
            machines.sort_by_key(|(_, first, last)| (*first, *last));
            let is_renamed = machines.windows(2).all(|pair| match pair {
                [(.., last), (_, first, _)] => last < first,
                _ => true,
            });
            let cmid = group.first().map(|(cmid, ..)| cmid_text(ledger, *cmid)).unwrap_or_default();
            clones.push(Clone { cmid, machines, is_renamed });
        }
    }
    clones.sort_by(|a, b| (b.machines.len(), &a.cmid).cmp(&(a.machines.len(), &b.cmid)));
    clones
}
