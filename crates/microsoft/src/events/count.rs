//! How many machines a host counts, day by day, against what its products ask for, and where that leads.
//!
//! A host counts the machine ids that asked within thirty days. It stops at fifty and says no more; here all are counted. In
//! the first thirty days of a log the true count is higher than what the log shows.

use std::collections::{BTreeMap, HashMap};

use super::application::Application;
use super::moment::Moment;

/// For how long a request counts, in days.
pub const COUNTED_DAYS: u32 = 30;
/// How many days the forecast looks back on; with fewer than half of them there is none.
const TREND_DAYS: usize = 28;
/// Further ahead nothing is foretold.
const AHEAD_DAYS_MAX: f64 = 365.0;
/// A log that claims to be longer has a wrong date in it, and its first days are not drawn.
const DAYS_MAX: u32 = 3_660;

/// The count of a host over time.
#[derive(Clone, PartialEq, Debug)]
pub struct CountSeries {
    /// The host.
    pub host: String,
    /// Its number among the hosts.
    pub(super) host_number: u16,
    /// What is counted.
    pub application: Application,
    /// How many machines the most demanding of its products asks for.
    pub threshold: u32,
    /// The first day of the series.
    pub first: Moment,
    /// The count at the end of each day.
    pub daily: Vec<u32>,
    /// From which place of `daily` on the log reaches back far enough to know the count.
    pub whole_from: usize,
    /// Where it leads.
    pub forecast: Forecast,
}

/// Where a count leads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Forecast {
    /// The log is too short to know the count for two weeks.
    TooShort,
    /// It stays above what is asked for.
    Steady,
    /// It falls, and will be below what is asked for on this day.
    Falling {
        /// The day.
        below_on: Moment,
        /// How many machines fewer there are in a week.
        per_week: u32,
    },
    /// It is below what is asked for, since this day as far as the log shows.
    Below {
        /// The day.
        since: Moment,
    },
}

impl Forecast {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Forecast::TooShort => "the log is too short, the true count may be higher".to_owned(),
            Forecast::Steady => "steady".to_owned(),
            Forecast::Falling { below_on, .. } => format!("too low around {}", below_on.day_text()),
            Forecast::Below { since } => format!("too low since {}", since.day_text()),
        }
    }
}

impl CountSeries {
    /// The count on a day; the last one after the end.
    pub fn on(&self, day: u32) -> Option<u32> {
        let place = usize::try_from(day.checked_sub(self.first.day())?).ok()?;
        self.daily.get(place).or(self.daily.last()).copied()
    }

    /// The count at the end of the log.
    pub fn current(&self) -> u32 {
        self.daily.last().copied().unwrap_or_default()
    }

    /// Whether the log reaches back far enough on a day.
    pub fn is_whole_on(&self, day: u32) -> bool {
        day.checked_sub(self.first.day()).and_then(|place| usize::try_from(place).ok()) >= Some(self.whole_from)
    }

    /// The highest count.
    pub fn highest(&self) -> u32 {
        self.daily.iter().copied().max().unwrap_or_default()
    }
}

/// The series of each host and application; `asked` says who asked which host on which day, `thresholds` how many machines
/// are asked for, `ends` the last day of each host's log.
pub fn series(
    asked: impl Iterator<Item = (u16, Application, u32, u32)>,
    thresholds: &HashMap<(u16, Application), u32>,
    ends: &[(String, u32)],
) -> Vec<CountSeries> {
    let mut all: Vec<(u16, Application, u32, u32)> = asked.collect();
    all.sort_unstable();
    all.dedup();
    let mut changes = BTreeMap::<(u16, Application), BTreeMap<u32, i64>>::new();
    for machine in all.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let Some((host, application, ..)) = machine.first() else { continue };
        let changes = changes.entry((*host, *application)).or_default();
        let mut counted_until = None::<u32>;
        for (.., day) in machine {
            if counted_until.is_none_or(|until| until <= *day) {
                if let Some(until) = counted_until {
                    *changes.entry(until).or_default() -= 1;
                }
                *changes.entry(*day).or_default() += 1;
            }
            counted_until = Some(day + COUNTED_DAYS);
        }
        if let Some(until) = counted_until {
            *changes.entry(until).or_default() -= 1;
        }
    }
    let one = |((host, application), changes): ((u16, Application), BTreeMap<u32, i64>)| {
        let (name, end) = ends.get(usize::from(host))?;
        let begin = *changes.keys().next()?;
        let first = begin.max(end.saturating_sub(DAYS_MAX));
        let mut count = 0_i64;
        let mut daily = Vec::new();
        let mut changes = changes.into_iter().peekable();
        for day in first..=*end {
            while let Some((_, change)) = changes.next_if(|(at, _)| *at <= day) {
                count += change;
            }
            daily.push(u32::try_from(count).unwrap_or_default());
        }
        let threshold = thresholds.get(&(host, application)).copied().unwrap_or_default();
        let whole_from = if first > begin { 0 } else { usize::try_from(COUNTED_DAYS - 1).unwrap_or_default() };
        let forecast =
            forecast(Moment::of_day(first), daily.get(whole_from..).unwrap_or_default(), daily.len(), threshold);
        Some(CountSeries {
            host: name.clone(),
            host_number: host,
            application,
            threshold,
            first: Moment::of_day(first),
            daily,
            whole_from,
            forecast,
        })
    };
    changes.into_iter().filter_map(one).collect()
}

/// Where the known counts lead, which are the last of `days` from `first` on.
fn forecast(first: Moment, known: &[u32], days: usize, threshold: u32) -> Forecast {
    let day_of = |from_end: usize| {
        let place = u32::try_from(days.saturating_sub(1 + from_end)).unwrap_or_default();
        Moment::of_day(first.day() + place)
    };
    if known.len() < TREND_DAYS / 2 {
        return Forecast::TooShort;
    }
    let current = known.last().copied().unwrap_or_default();
    if current < threshold {
        let below = known.iter().rev().take_while(|count| **count < threshold).count();
        return Forecast::Below { since: day_of(below.saturating_sub(1)) };
    }
    let trend = known.get(known.len().saturating_sub(TREND_DAYS)..).unwrap_or_default();
    let (slope, end) = line(trend);
    let fallen = -slope * (trend.len() as f64 - 1.0);
    // Less than a twentieth in four weeks is what holidays do.
    if fallen < 2.0_f64.max(0.05 * (end + fallen)) {
        return Forecast::Steady;
    }
    let ahead = ((end - f64::from(threshold)) / -slope).max(0.0).floor() + 1.0;
    if ahead > AHEAD_DAYS_MAX {
        return Forecast::Steady;
    }
    let below_on = Moment::of_day(day_of(0).day() + ahead as u32);
    Forecast::Falling { below_on, per_week: (-slope * 7.0).round() as u32 }
}

/// The straight line that fits best: its rise in a day, and its last value.
fn line(counts: &[u32]) -> (f64, f64) {
    let n = counts.len() as f64;
    let mean_x = (n - 1.0) / 2.0;
    let mean_y = counts.iter().map(|count| f64::from(*count)).sum::<f64>() / n;
    let (mut together, mut alone) = (0.0, 0.0);
    for (x, count) in counts.iter().enumerate() {
        let x = x as f64 - mean_x;
        together += x * (f64::from(*count) - mean_y);
        alone += x * x;
    }
    let slope = if alone > 0.0 { together / alone } else { 0.0 };
    (slope, mean_y + slope * (n - 1.0 - mean_x))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u32 = 20_000;

    fn one(asked: &[(u32, u32)], days: u32, threshold: u32) -> CountSeries {
        let asked = asked.iter().map(|(cmid, day)| (0, Application::Windows, *cmid, START + day));
        let thresholds = HashMap::from([((0, Application::Windows), threshold)]);
        series(asked, &thresholds, &[("kms".to_owned(), START + days - 1)]).remove(0)
    }

    #[test]
    fn a_machine_counts_for_thirty_days_and_once() {
        let series = one(&[(1, 0), (1, 7), (1, 7), (2, 10), (1, 60)], 100, 25);
        for (day, expected) in
            [(0, 1), (9, 1), (10, 2), (36, 2), (37, 1), (39, 1), (40, 0), (59, 0), (60, 1), (89, 1), (90, 0)]
        {
            assert_eq!(series.on(START + day), Some(expected), "day {day}");
        }
    }

    #[test]
    fn counts_lead_somewhere() {
        let weekly = |machines: u32, days: u32, until: fn(u32, u32) -> u32| -> Vec<(u32, u32)> {
            let asks =
                move |machine: u32| (machine % 7..until(machine, days)).step_by(7).map(move |day| (machine, day));
            (0..machines).flat_map(asks).collect()
        };
        let all: fn(u32, u32) -> u32 = |_, days| days;
        let leaving: fn(u32, u32) -> u32 = |machine, days| if machine < 40 { days } else { days.min(machine) };
        let forecast = |asked: Vec<(u32, u32)>, days| one(&asked, days, 25).forecast;
        assert_eq!(forecast(weekly(100, 90, all), 90), Forecast::Steady);
        assert_eq!(forecast(weekly(100, 40, all), 40), Forecast::TooShort);
        assert!(matches!(forecast(weekly(20, 90, all), 90), Forecast::Below { since } if since.day() == START + 29));
        let found = forecast(weekly(140, 100, leaving), 100);
        let Forecast::Falling { below_on, per_week } = found else { panic!("{found:?}") };
        assert!((5..=9).contains(&per_week), "one leaves a day: {per_week}");
        assert!(below_on.day() > START + 130 && below_on.day() < START + 220, "{below_on}");
    }
}
