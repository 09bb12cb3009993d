//! The hosts: what their own logs say, and what the logs of clients say of them.
//!
//! A host that is silent is told from a quiet time by what it usually gets, and by what the others got meanwhile.

use std::collections::{BTreeMap, HashSet};

use super::moment::{DAY, HOUR, Moment};

/// More hosts are not told apart. Their number has six bits where days are kept.
pub const HOSTS_MAX: usize = 64;
/// Hours of one host; more would be a hundred years.
const HOURS_MAX: usize = 100_000;
const DOMAINS_MAX: usize = 1_000;
/// Silence that would have had fewer requests than this may be chance.
const EXPECTED_MIN: f64 = 20.0;
/// A host that is alone is silent over a long weekend.
const ALONE_SECS: u32 = 4 * DAY;

/// A host as its own log has it.
#[derive(Debug)]
pub struct Host {
    pub name: u32,
    pub first: Option<Moment>,
    pub last: Option<Moment>,
    pub requests: u64,
    pub failed: u64,
    /// Requests by hour, and by day those that failed.
    pub hours: BTreeMap<u32, u32>,
    pub domains: BTreeMap<Box<str>, Published>,
    pub not_started: Option<Moment>,
}

/// When a host could last enter itself in a domain, and when it last could not, and why.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published {
    well: Option<Moment>,
    failed: Option<(Moment, u32)>,
}

/// A host as the logs of clients have it.
#[derive(Debug, Default)]
pub struct Server {
    pub requests: u64,
    pub clients: HashSet<u32>,
    pub last_well: Option<Moment>,
    /// Requests that did not reach it, from when to when, with the last code.
    pub unreached: u64,
    pub unreached_clients: HashSet<u32>,
    pub first_unreached: Option<Moment>,
    pub last_unreached: Option<Moment>,
    pub code: u32,
}

/// A host for the report.
#[derive(Clone, PartialEq, Debug)]
pub struct HostSeen {
    /// Its name.
    pub name: String,
    /// Its first and last request in the logs.
    pub first: Option<Moment>,
    /// The last.
    pub last: Option<Moment>,
    /// Requests.
    pub requests: u64,
    /// Requests that it refused.
    pub failed: u64,
    /// Machines whose last answer came from it.
    pub machines: u64,
    /// Requests on each day, from the first day on.
    pub daily: Vec<(Moment, u64)>,
    /// Times in which it got nothing although it should have: from, until, and about how many requests were missing.
    pub silences: Vec<Silence>,
    /// Domains in which it could not enter itself in DNS, with the code, since its last success.
    pub not_published: Vec<(String, u32, Moment)>,
    /// When its service last failed to begin.
    pub not_started: Option<Moment>,
}

/// A time without requests.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Silence {
    /// The last request before.
    pub from: Moment,
    /// The first request after; nothing where the log ends.
    pub until: Option<Moment>,
    /// How many requests it would have got.
    pub missing: u64,
}

impl Host {
    pub fn new(name: u32) -> Host {
        Host {
            name,
            first: None,
            last: None,
            requests: 0,
            failed: 0,
            hours: BTreeMap::new(),
            domains: BTreeMap::new(),
            not_started: None,
        }
    }

    pub fn note_request(&mut self, at: Moment, is_well: bool) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        self.requests += 1;
        self.failed += u64::from(!is_well);
        if self.hours.len() < HOURS_MAX || self.hours.contains_key(&at.hour()) {
            *self.hours.entry(at.hour()).or_default() += 1;
        }
    }

    pub fn note_domain(&mut self, domain: &str, at: Moment, code: Option<u32>) {
        if self.domains.len() >= DOMAINS_MAX && !self.domains.contains_key(domain) {
            return;
        }
        let Published { well, failed } = self.domains.entry(domain.into()).or_default();
        match code {
            None => *well = Some(well.map_or(at, |before| before.max(at))),
            Some(code) if failed.is_none_or(|(before, _)| before <= at) => *failed = Some((at, code)),
            Some(_) => {}
        }
    }

    /// Where its last attempt to enter itself failed.
    pub fn not_published(&self) -> Vec<(String, u32, Moment)> {
        let failed = self.domains.iter().filter_map(|(domain, Published { well, failed })| {
            let (at, code) = (*failed)?;
            well.is_none_or(|well| well < at).then(|| (domain.to_string(), code, at))
        });
        failed.collect()
    }

    pub fn daily(&self) -> Vec<(Moment, u64)> {
        let mut days = BTreeMap::<u32, u64>::new();
        for (hour, requests) in &self.hours {
            *days.entry(hour / 24).or_default() += u64::from(*requests);
        }
        days.into_iter().map(|(day, requests)| (Moment::of_day(day), requests)).collect()
    }

    /// When it got nothing although it should have; `others` are the hours of the other hosts, `end` is the last request
    /// in any log.
    pub fn silences(&self, others: &BTreeMap<u32, u32>, end: Moment) -> Vec<Silence> {
        let (Some(first), Some(last)) = (self.first, self.last) else { return Vec::new() };
        let in_span = |from: u32, until: u32| -> f64 {
            if from >= until { 0.0 } else { others.range(from..until).map(|(_, n)| f64::from(*n)).sum() }
        };
        let begin = first.hour();
        let meanwhile = in_span(begin, last.hour() + 1);
        let own = self.requests as f64;
        let secs = f64::from(last.since(first).max(HOUR));
        let hours: Vec<u32> = self.hours.keys().copied().collect();
        let pairs = hours.windows(2).filter_map(|pair| Some((*pair.first()?, Some(*pair.last()?))));
        let gaps = pairs.chain(hours.last().map(|hour| (*hour, None)));
        let mut silences = Vec::new();
        for (before, after) in gaps {
            let (from, until) = (before + 1, after.unwrap_or(end.hour() + 1));
            if until <= from {
                continue;
            }
            let gap_secs = (until - from) * HOUR;
            // Among others the share that it has of all requests is what it would have got; alone, what it usually gets.
            let share = if meanwhile > 0.0 { in_span(from, until) * own / meanwhile } else { 0.0 };
            let usual = if gap_secs >= ALONE_SECS { f64::from(gap_secs) * own / secs } else { 0.0 };
            let missing = if meanwhile >= EXPECTED_MIN { share } else { usual };
            if missing >= EXPECTED_MIN {
                let after = after.map(|hour| Moment::from_secs(hour * HOUR));
                let from = Moment::from_secs(before * HOUR).plus(HOUR - 1);
                silences.push(Silence { from, until: after, missing: missing.round() as u64 });
            }
        }
        silences
    }
}

impl Server {
    pub fn note(&mut self, at: Moment, code: u32, client: u32) {
        self.requests += 1;
        self.clients.insert(client);
        if is_unreached(code) {
            self.unreached += 1;
            self.unreached_clients.insert(client);
            self.first_unreached = Some(self.first_unreached.map_or(at, |before| before.min(at)));
            if self.last_unreached.is_none_or(|before| before <= at) {
                (self.last_unreached, self.code) = (Some(at), code);
            }
        } else if code == 0 {
            self.last_well = Some(self.last_well.map_or(at, |before| before.max(at)));
        }
    }

    /// Whether clients could not reach it when they tried last.
    pub fn is_unreached(&self) -> bool {
        self.last_unreached.is_some_and(|failed| self.last_well.is_none_or(|well| well < failed))
    }
}

/// Whether a code says that no host answered: those of names, of the network and of remote calls, and the one for all.
pub fn is_unreached(code: u32) -> bool {
    matches!(code, 0xC004_F074 | 0x8007_007B | 0x8007_232A | 0x8007_232B | 0x8007_251D | 0x8007_274C)
        || matches!(code, 0x8007_06BA..=0x8007_06BF | 0x8007_2EE0..=0x8007_2EFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(hours: impl Iterator<Item = u32>) -> Host {
        let mut host = Host::new(0);
        for hour in hours {
            for _ in 0..5 {
                host.note_request(Moment::from_secs(hour * HOUR), true);
            }
        }
        host
    }

    #[test]
    fn silence_is_told_from_a_quiet_time() {
        const START: u32 = 400_000;
        let others = |hours: &mut dyn Iterator<Item = u32>| hours.map(|hour| (hour, 10)).collect::<BTreeMap<_, _>>();
        let all = || START..START + 500;
        let end = Moment::from_secs((START + 499) * HOUR);
        let with_gap = |from: u32, to: u32| host(all().filter(move |hour| !(START + from..START + to).contains(hour)));
        let count = |host: &Host, others: &BTreeMap<u32, u32>| host.silences(others, end).len();
        assert_eq!(count(&host(all()), &others(&mut all())), 0);
        assert_eq!(count(&with_gap(100, 110), &others(&mut all())), 1, "ten hours in which the others got hundred");
        assert_eq!(count(&with_gap(100, 103), &others(&mut all())), 0, "three hours may be chance");
        let night = |hour: &u32| !(START + 100..START + 110).contains(hour);
        assert_eq!(count(&with_gap(100, 110), &others(&mut all().filter(night))), 0, "nobody asked anybody");
        assert_eq!(count(&with_gap(100, 170), &BTreeMap::new()), 0, "a long weekend");
        assert_eq!(count(&with_gap(100, 250), &BTreeMap::new()), 1, "a week");
        let ended = with_gap(400, 500).silences(&others(&mut all()), end);
        assert!(ended.len() == 1 && ended[0].until.is_none() && ended[0].missing > 400, "{ended:?}");
    }

    #[test]
    fn a_domain_is_published_once_that_works() {
        let mut host = Host::new(0);
        let at = |day: u32| Moment::of_day(20_000 + day);
        host.note_domain("a.example", at(1), Some(5));
        host.note_domain("b.example", at(1), Some(5));
        host.note_domain("b.example", at(3), Some(6));
        host.note_domain("b.example", at(2), None);
        host.note_domain("a.example", at(2), None);
        assert_eq!(host.not_published(), [("b.example".to_owned(), 6, at(3))]);
    }
}
