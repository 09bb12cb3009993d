//! What was counted, as a table for people and as JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::faults::Fault;

/// What was counted of one fault.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The fault.
    pub what: String,
    /// How often.
    pub times: u64,
    /// Leases and releases that clients hold.
    pub acknowledged: u64,
    /// Entries of ledgers that were read and recomputed.
    pub entries: u64,
    /// What was acknowledged and is gone.
    pub lost: u64,
    /// Whether it must lose something, to show that a loss is seen.
    pub is_canary: bool,
    /// For how long nobody was answered.
    pub gaps: Vec<Duration>,
    /// For how long nobody may be answered at most, where there is a limit.
    pub gap_max: Option<Duration>,
}

impl Figures {
    /// Nothing so far, for each fault.
    pub fn of_all() -> Vec<Figures> {
        let of = |fault: &Fault| Figures { gap_max: Some(fault.gap_max()), ..Figures::new(fault.name()) };
        Fault::ALL.iter().map(of).collect()
    }

    /// Nothing so far.
    pub fn new(what: &str) -> Figures {
        Figures { what: what.to_owned(), ..Figures::default() }
    }

    /// Whether a canary lost something, and everybody else nothing; what was not tried has not failed.
    pub fn holds(&self) -> bool {
        (self.lost > 0) == (self.is_canary && self.times > 0)
    }

    /// Whether somebody was answered again in time, each time.
    pub fn is_in_time(&self) -> bool {
        self.gap_max.is_none_or(|max| self.gaps.iter().all(|gap| *gap <= max))
    }

    fn secs(&self) -> Option<(f64, f64)> {
        let mut gaps = self.gaps.clone();
        gaps.sort_unstable();
        let tenths = |gap: &Duration| (gap.as_secs_f64() * 10.0).round() / 10.0;
        Some((tenths(gaps.get(gaps.len() / 2)?), tenths(gaps.last()?)))
    }
}

/// A table in Markdown.
pub fn table(all: &[Figures]) -> String {
    let mut text =
        "| what | times | acknowledged | entries recomputed | lost | nothing granted for, s (median, longest) |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: |\n"
            .to_owned();
    for figures in all {
        let Figures { what, times, acknowledged, entries, lost, .. } = figures;
        let gaps = figures.secs().map_or("–".to_owned(), |(median, longest)| format!("{median:.1}, {longest:.1}"));
        text += &format!("| {what} | {times} | {acknowledged} | {entries} | {lost} | {gaps} |\n");
    }
    text
}

/// Everything, for programs.
pub fn json(seed: u64, all: &[Figures]) -> Value {
    let part = |figures: &Figures| {
        let gaps: Vec<u64> = figures.gaps.iter().map(|gap| gap.as_millis() as u64).collect();
        json!({
            "what": figures.what, "times": figures.times, "acknowledged": figures.acknowledged,
            "entries": figures.entries, "lost": figures.lost, "canary": figures.is_canary, "gaps_ms": gaps,
        })
    };
    json!({ "seed": seed.to_string(), "parts": all.iter().map(part).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_a_failure_and_its_absence_is_one_where_it_must_be() {
        for (lost, is_canary, holds) in [(0, false, true), (1, false, false), (0, true, false), (1, true, true)] {
            assert_eq!(Figures { lost, is_canary, times: 1, ..Figures::new("x") }.holds(), holds, "{lost} {is_canary}");
        }
    }
}
