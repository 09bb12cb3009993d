//! What is kept of the events: machines, hosts, days and errors, each compact and each with a limit.
//!
//! Files may come in any order and an event more than once, so nothing here depends on the order in which events are taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use super::event::{Detail, Event, LICENSED, Request};
use super::hosts::{HOSTS_MAX, Host, Server};
use super::moment::Moment;
use super::names::Names;

/// More machines are counted and not listed.
pub const MACHINES_MAX: usize = 500_000;
/// More different names are not kept.
const NAMES_MAX: usize = 1_000_000;
/// A full name in DNS has no more, and a file of that name none either.
const COMPUTER_BYTES_MAX: usize = 255;
/// More products are not told apart.
const PRODUCTS_MAX: usize = 1_000;
/// More different codes are not told apart.
const CODES_MAX: usize = 1_000;
/// Beyond this many events, those that come again are not noticed.
const REMEMBERED_MAX: usize = 7_000_000;
/// Days of machines at hosts: beyond this many the count over time stays as it is.
const DAYS_MAX: usize = 16_000_000;
/// How many machines are named with an error.
pub const EXAMPLES_MAX: usize = 10;

/// A machine with one of its products.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    pub cmid: u32,
    pub name: u32,
    pub product: u16,
}

/// What is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    pub first: Moment,
    pub last: Moment,
    /// The last request that went well, and the host that it went to.
    pub answered: Option<Moment>,
    pub host: u16,
    /// How the last request ended.
    pub code: u32,
    /// The state of licence with the last request, and how long it lasts.
    pub status: u8,
    pub minutes_left: u32,
    /// Whether some request came from a machine that was activated already.
    pub was_licensed: bool,
    /// When the first request came that was answered while the machine was not activated, or the first one at all.
    pub activated: Option<Moment>,
    pub requests: u32,
    pub failed: u32,
    pub is_virtual: bool,
    pub minimum: u32,
}

/// One kind of error: in which event, and which code.
#[derive(Debug)]
pub struct Trouble {
    pub count: u64,
    pub first: Moment,
    pub last: Moment,
    pub names: HashSet<u32>,
    pub hosts: HashSet<u32>,
    /// Machines with how far their clocks were ahead, in seconds, where the event says it.
    pub examples: Vec<(u32, Option<i64>)>,
}

/// What the log of a client says.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientLog {
    pub sent: u32,
    pub answered: u32,
    pub last_sent: Moment,
    pub last_answered: Moment,
    pub server: u32,
    /// What it was told last, and when.
    pub count: Option<(Moment, u32, u32)>,
    pub is_activated: bool,
    pub minimum: u32,
}

/// What came of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    New,
    /// It was taken from another file, or from another place of this one.
    Again,
    /// Its fields are not those of such an event.
    Malformed,
}

/// All that is kept.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) names: Names,
    pub(super) cmids: Vec<u128>,
    cmid_numbers: HashMap<u128, u32>,
    pub(super) products: Vec<u128>,
    pub(super) seats: HashMap<Key, Seat>,
    pub(super) hosts: Vec<Host>,
    pub(super) days: Days,
    pub(super) troubles: BTreeMap<(u16, u32), Trouble>,
    pub(super) clients: HashMap<u32, ClientLog>,
    pub(super) servers: BTreeMap<u32, Server>,
    remembered: HashSet<u64>,
    hasher: RandomState,
    /// Events for which there was no room.
    pub(super) left_out: u64,
    pub(super) taken: u64,
}

/// On which days which machine asked which host, one number for each: sorted, and each once, after [`Days::sorted`].
#[derive(Debug, Default)]
pub struct Days {
    packed: Vec<u64>,
    tidy: usize,
}

impl Days {
    fn add(&mut self, host: u16, product: u16, cmid: u32, day: u32) {
        let day = day.min(0xFFFF);
        let packed = u64::from(host) << 58 | u64::from(product) << 48 | u64::from(cmid) << 16 | u64::from(day);
        if self.packed.last() == Some(&packed) {
            return;
        }
        if self.packed.len() >= (self.tidy * 2).max(1 << 20) {
            self.tidy();
        }
        if self.packed.len() < DAYS_MAX {
            self.packed.push(packed);
        }
    }

    fn tidy(&mut self) {
        self.packed.sort_unstable();
        self.packed.dedup();
        self.tidy = self.packed.len();
    }

    /// Host, product, machine and day, in this order.
    pub fn sorted(&mut self) -> impl Iterator<Item = (u16, u16, u32, u32)> {
        self.tidy();
        self.packed.iter().map(|packed| {
            let part = |shift: u32, bits: u32| u32::try_from(packed >> shift & ((1 << bits) - 1)).unwrap_or_default();
            let short = |shift: u32, bits: u32| u16::try_from(part(shift, bits)).unwrap_or_default();
            (short(58, 6), short(48, 10), part(16, 32), part(0, 16))
        })
    }
}

impl Ledger {
    /// Takes an event.
    pub fn take(&mut self, event: Event<'_>) -> Taken {
        let is_computer =
            |name: &str| !name.is_empty() && name.len() <= COMPUTER_BYTES_MAX && !name.contains(char::is_control);
        let Some(detail) = event.detail().filter(|_| is_computer(event.computer)) else { return Taken::Malformed };
        let mark = self.hasher.hash_one((event.computer.to_ascii_lowercase(), event.id, event.at, event.info));
        if self.remembered.len() < REMEMBERED_MAX && !self.remembered.insert(mark) {
            return Taken::Again;
        }
        self.taken += 1;
        if self.put(event, detail).is_none() {
            self.left_out += 1;
        }
        Taken::New
    }

    /// Nothing where there is no room left.
    fn put(&mut self, event: Event<'_>, detail: Detail<'_>) -> Option<()> {
        let at = event.at;
        match detail {
            Detail::Processed(request) => self.processed(event, request)?,
            Detail::Sent(request) => self.sent(event, request)?,
            Detail::Answered { code, count, is_activated, flags } => {
                let name = self.names.number(event.computer, NAMES_MAX)?;
                let client = client(&mut self.clients, name)?;
                client.answered += 1;
                client.last_answered = client.last_answered.max(at);
                if client.count.is_none_or(|(before, ..)| before <= at) {
                    client.count = Some((at, count, flags));
                    client.is_activated = is_activated;
                }
                self.trouble(event, code, name, None)?;
            }
            Detail::NotStarted { code } => {
                let host = self.host(event.computer)?;
                self.host_mut(host)?.not_started = Some(at);
                let name = self.host_mut(host)?.name;
                self.trouble(event, code, name, None)?;
            }
            Detail::NotPublished { code, domain } => {
                let host = self.host(event.computer)?;
                let name = self.host_mut(host)?.name;
                self.host_mut(host)?.note_domain(domain, at, Some(code));
                self.trouble(event, code, name, None)?;
            }
            Detail::Published { domain } => {
                let host = self.host(event.computer)?;
                self.host_mut(host)?.note_domain(domain, at, None);
            }
        }
        Some(())
    }

    fn processed(&mut self, event: Event<'_>, request: Request<'_>) -> Option<()> {
        let number = self.host(event.computer)?;
        let is_well = request.code == 0;
        self.host_mut(number)?.note_request(event.at, is_well);
        let name = self.names.number(request.name, NAMES_MAX)?;
        let cmid = self.cmid(request.cmid)?;
        let product = self.product(request.activation_id)?;
        let ahead = request.client_time.map(|time| i64::from(time.secs()) - i64::from(event.at.secs()));
        self.trouble(event, request.code, name, ahead)?;
        if is_well {
            self.days.add(number, product, cmid, event.at.day());
        }
        let key = Key { cmid, name, product };
        let is_full = self.seats.len() >= MACHINES_MAX;
        match self.seats.get_mut(&key) {
            Some(seat) => seat.note(event.at, number, request),
            None if is_full => return None,
            None => {
                self.seats.insert(key, Seat::new(event.at, number, request));
            }
        }
        Some(())
    }

    fn sent(&mut self, event: Event<'_>, request: Request<'_>) -> Option<()> {
        let name = self.names.number(event.computer, NAMES_MAX)?;
        let server = self.names.number(request.name, NAMES_MAX)?;
        let client = client(&mut self.clients, name)?;
        client.sent += 1;
        client.minimum = request.minimum;
        if client.last_sent <= event.at {
            client.last_sent = event.at;
            client.server = server;
        }
        if self.servers.len() < HOSTS_MAX || self.servers.contains_key(&server) {
            self.servers.entry(server).or_default().note(event.at, request.code, name);
        }
        self.trouble(event, request.code, name, None)
    }

    fn trouble(&mut self, event: Event<'_>, code: u32, name: u32, ahead: Option<i64>) -> Option<()> {
        if code == 0 {
            return Some(());
        }
        let computer = self.names.number(event.computer, NAMES_MAX)?;
        let is_full = self.troubles.len() >= CODES_MAX;
        let key = (event.id, code);
        if is_full && !self.troubles.contains_key(&key) {
            return None;
        }
        let trouble = self.troubles.entry(key).or_insert_with(|| Trouble {
            count: 0,
            first: event.at,
            last: event.at,
            names: HashSet::new(),
            hosts: HashSet::new(),
            examples: Vec::new(),
        });
        trouble.count += 1;
        trouble.first = trouble.first.min(event.at);
        trouble.last = trouble.last.max(event.at);
        if trouble.names.insert(name) && trouble.examples.len() < EXAMPLES_MAX {
            trouble.examples.push((name, ahead));
        }
        trouble.hosts.insert(computer);
        Some(())
    }

    fn host(&mut self, computer: &str) -> Option<u16> {
        let name = self.names.number(computer, NAMES_MAX)?;
        let known = self.hosts.iter().position(|host| host.name == name);
        let place = match known {
            Some(place) => place,
            None if self.hosts.len() >= HOSTS_MAX => return None,
            None => {
                self.hosts.push(Host::new(name));
                self.hosts.len() - 1
            }
        };
        u16::try_from(place).ok()
    }

    fn host_mut(&mut self, number: u16) -> Option<&mut Host> {
        self.hosts.get_mut(usize::from(number))
    }

    fn cmid(&mut self, cmid: u128) -> Option<u32> {
        if let Some(number) = self.cmid_numbers.get(&cmid) {
            return Some(*number);
        }
        let number = u32::try_from(self.cmids.len()).ok().filter(|_| self.cmids.len() < MACHINES_MAX)?;
        self.cmid_numbers.insert(cmid, number);
        self.cmids.push(cmid);
        Some(number)
    }

    fn product(&mut self, id: u128) -> Option<u16> {
        let place = match self.products.iter().position(|known| *known == id) {
            Some(place) => place,
            None if self.products.len() >= PRODUCTS_MAX => return None,
            None => {
                self.products.push(id);
                self.products.len() - 1
            }
        };
        u16::try_from(place).ok()
    }
}

fn client(clients: &mut HashMap<u32, ClientLog>, name: u32) -> Option<&mut ClientLog> {
    if clients.len() >= MACHINES_MAX && !clients.contains_key(&name) {
        return None;
    }
    Some(clients.entry(name).or_default())
}

impl Seat {
    fn new(at: Moment, host: u16, request: Request<'_>) -> Seat {
        let mut seat = Seat {
            first: at,
            last: at,
            answered: None,
            host,
            code: request.code,
            status: request.status,
            minutes_left: request.minutes_left,
            was_licensed: false,
            activated: None,
            requests: 0,
            failed: 0,
            is_virtual: false,
            minimum: request.minimum,
        };
        seat.note(at, host, request);
        seat
    }

    fn note(&mut self, at: Moment, host: u16, request: Request<'_>) {
        self.first = self.first.min(at);
        self.requests = self.requests.saturating_add(1);
        self.is_virtual |= request.is_virtual;
        self.was_licensed |= request.status == LICENSED;
        if request.code != 0 {
            self.failed = self.failed.saturating_add(1);
        } else if self.answered.is_none_or(|before| before <= at) {
            self.answered = Some(at);
            self.host = host;
        }
        // What a machine asked while it was not activated activated it, if anything did: the last such request counts.
        if request.code == 0 && request.status != LICENSED {
            self.activated = Some(self.activated.map_or(at, |before| before.max(at)));
        }
        if at >= self.last {
            self.last = at;
            (self.code, self.status, self.minutes_left) = (request.code, request.status, request.minutes_left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::guid_text;
    use super::*;

    fn info(code: &str, cmid: u128, status: u8) -> String {
        format!("{code},25,pc{cmid},{},2026/3/4 5:06,1,{status},100,{}", guid_text(cmid), guid_text(7))
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        let events: Vec<(Moment, String)> = (0..60_u32)
            .map(|n| {
                let code = if n % 7 == 0 { "0xC004F06C" } else { "0x0" };
                (Moment::of_day(20_000 + n), info(code, u128::from(n % 5), u8::from(n > 9)))
            })
            .collect();
        let summary = |events: &[(Moment, String)]| {
            let mut ledger = Ledger::default();
            for (at, info) in events {
                assert_eq!(ledger.take(Event { computer: "kms", id: 12290, at: *at, info }), Taken::New);
            }
            assert_eq!(
                ledger.take(Event { computer: "KMS", id: 12290, at: events[0].0, info: &events[0].1 }),
                Taken::Again
            );
            let cmids = ledger.cmids.clone();
            let mut seats: Vec<String> =
                ledger.seats.iter().map(|(key, seat)| format!("{} {seat:?}", cmids[key.cmid as usize])).collect();
            seats.sort();
            let mut days: Vec<String> =
                ledger.days.sorted().map(|(.., cmid, day)| format!("{} {day}", cmids[cmid as usize])).collect();
            days.sort();
            (seats, days)
        };
        let mut backwards = events.clone();
        backwards.reverse();
        assert_eq!(summary(&events), summary(&backwards));
        assert_eq!(summary(&events).0.len(), 5);
    }

    #[test]
    fn what_is_no_event_is_not_taken() {
        let mut ledger = Ledger::default();
        let well = info("0x0", 7, 1);
        for (computer, info) in [("kms", "0x0"), ("", &well), ("\u{1b}[2J", &well), (&"k".repeat(256), &well)] {
            let event = Event { computer, id: 12290, at: Moment::default(), info };
            assert_eq!((ledger.take(event), ledger.taken), (Taken::Malformed, 0), "{computer:?}");
        }
    }
}
