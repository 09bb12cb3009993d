//! What was counted, as a table for people and as JSON for programs, and how far a long run has come.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What one part has counted.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What was done.
    pub what: String,
    /// How often.
    pub times: u64,
    /// Answers that clients hold: leases, and releases.
    pub acknowledged: u64,
    /// Entries of ledgers that were read and recomputed.
    pub entries: u64,
    /// Requests that were under way when it happened.
    pub open: u64,
    /// What was acknowledged and is gone.
    pub lost: u64,
    /// Whether it must lose something, to show that a loss is seen.
    pub is_canary: bool,
    /// How long hosts took to come up.
    pub starts: Vec<Duration>,
}

impl Figures {
    /// Nothing so far.
    pub fn new(what: impl Into<String>) -> Figures {
        Figures { what: what.into(), ..Figures::default() }
    }

    /// The slowest start.
    fn slowest(&self) -> Duration {
        self.starts.iter().max().copied().unwrap_or_default()
    }

    /// The usual start.
    fn median(&self) -> Duration {
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        starts.get(starts.len() / 2).copied().unwrap_or_default()
    }

    /// Whether a canary lost something, and everybody else nothing.
    pub fn holds(&self) -> bool {
        (self.lost > 0) == self.is_canary
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what, "times": self.times, "acknowledged": self.acknowledged, "entries": self.entries,
            "open": self.open, "lost": self.lost, "canary": self.is_canary,
            "start_ms_median": self.median().as_millis() as u64, "start_ms_max": self.slowest().as_millis() as u64,
        })
    }
}

/// A table in Markdown.
pub fn table(all: &[Figures]) -> String {
    let mut text =
        "| what | times | acknowledged | entries recomputed | under way | lost | start, ms (median, slowest) |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            .to_owned();
    for figures in all {
        let Figures { what, times, acknowledged, entries, open, lost, .. } = figures;
        let starts = match figures.starts.len() {
            0 => "–".to_owned(),
            _ => format!("{}, {}", figures.median().as_millis(), figures.slowest().as_millis()),
        };
        let numbers = [times, acknowledged, entries, open, lost].map(|number| thousands(*number));
        text += &format!("| {what} | {} | {starts} |\n", numbers.join(" | "));
    }
    text
}

/// Everything, for programs.
pub fn json(seed: u64, all: &[Figures]) -> Value {
    json!({ "seed": seed.to_string(), "parts": all.iter().map(Figures::json).collect::<Vec<_>>() })
}

/// A number in groups of three digits.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

/// How far a part has come: a line that is rewritten at a terminal, and one line in ten parts elsewhere.
#[derive(Debug)]
pub struct Progress {
    what: String,
    whole: u64,
    done: u64,
    begin: Instant,
}

impl Progress {
    /// Begins.
    pub fn new(what: impl Into<String>, whole: u64) -> Progress {
        Progress { what: what.into(), whole, done: 0, begin: Instant::now() }
    }

    /// One more.
    pub fn step(&mut self) {
        const WIDTH: u64 = 30;
        self.done += 1;
        let is_tenth = self.done * 10 / self.whole.max(1) != (self.done - 1) * 10 / self.whole.max(1);
        let (mut err, is_last) = (std::io::stderr().lock(), self.done == self.whole);
        let filled = (self.done * WIDTH / self.whole.max(1)).min(WIDTH) as usize;
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(WIDTH as usize - filled));
        let (what, done, whole, secs) = (&self.what, self.done, self.whole, self.begin.elapsed().as_secs());
        // Whoever has closed our standard error does not want to know.
        let _ = if err.is_terminal() {
            write!(err, "\r[{bar}] {done} of {whole} {what}, {secs} s{}", if is_last { "\n" } else { "" })
        } else if is_tenth || is_last {
            writeln!(err, "[{bar}] {done} of {whole} {what}, {secs} s")
        } else {
            Ok(())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_a_failure_and_its_absence_is_one_where_it_must_be() {
        for (lost, is_canary, holds) in [(0, false, true), (1, false, false), (0, true, false), (1, true, true)] {
            assert_eq!(Figures { lost, is_canary, ..Figures::new("x") }.holds(), holds, "{lost} {is_canary}");
        }
    }

    #[test]
    fn numbers_are_read_in_groups() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), expected);
        }
    }
}
