//! The figures of a soak, and whether they are flat.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// How much more memory the last quarter may have than the second: a tenth and 2 MB.
const MORE_PER_CENT: u64 = 10;
const MORE_BYTES: u64 = 2_000_000;

/// A server at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Bytes of resident memory.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: u64,
}

/// Both servers at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub host: Figures,
    pub authority: Figures,
}

/// A quarter under load, and at rest after it.
#[derive(Debug)]
pub struct Quarter {
    pub samples: Vec<Sample>,
    pub rest: Sample,
}

/// All that came of a soak.
#[derive(Debug)]
pub struct Report {
    pub minutes: u32,
    pub rate: u32,
    pub quarters: Vec<Quarter>,
    /// Leases that were acknowledged and are not in the ledger.
    pub lost: u64,
    pub totals: Value,
}

type Of = fn(&Sample) -> Figures;
const SERVERS: [(&str, Of); 2] = [("host", |sample| sample.host), ("authority", |sample| sample.authority)];

impl Quarter {
    /// The middle of the memory under load.
    fn resident(&self, of: Of) -> u64 {
        let mut values: Vec<u64> = self.samples.iter().map(|sample| of(sample).resident).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    }
}

impl Report {
    /// A table for people, and everything for programs.
    pub fn show(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = "quarter   server      resident, MB (median)   descriptors at rest\n".to_owned();
        for (number, quarter) in self.quarters.iter().enumerate() {
            for (name, of) in SERVERS {
                let (resident, rest) = (quarter.resident(of) as f64 / 1e6, of(&quarter.rest).descriptors);
                text += &format!("{:>7}   {name:<10} {resident:>22.1} {rest:>21}\n", number + 1);
            }
        }
        text += &format!(
            "{} minutes, {} requests a second: {}; lost: {}\n",
            self.minutes, self.rate, self.totals, self.lost
        );
        std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")?;
        let figures = |figures: Figures| json!({ "resident": figures.resident, "descriptors": figures.descriptors });
        let sample = |sample: &Sample| json!({ "host": figures(sample.host), "authority": figures(sample.authority) });
        let quarters = self.quarters.iter().map(|quarter| {
            let samples: Vec<Value> = quarter.samples.iter().map(sample).collect();
            json!({ "samples": samples, "rest": sample(&quarter.rest) })
        });
        let quarters: Vec<Value> = quarters.collect();
        let all = json!({
            "minutes": self.minutes, "rate": self.rate, "quarters": quarters, "lost": self.lost, "totals": self.totals,
        });
        std::fs::write(file, format!("{all:#}\n")).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether it holds what it must.
    pub fn judge(&self) -> anyhow::Result<()> {
        ensure!(self.lost == 0, "{} leases that were acknowledged are lost", self.lost);
        let [_, second, third, last] = self.quarters.as_slice() else { anyhow::bail!("there are four quarters") };
        for (name, of) in SERVERS {
            let (before, after) = (second.resident(of), last.resident(of));
            let allowed = before + before * MORE_PER_CENT / 100 + MORE_BYTES;
            ensure!(
                after <= allowed,
                "the {name}'s memory grows: {before} bytes in the second quarter, {after} in the last"
            );
            let rest = [second, third, last].map(|quarter| of(&quarter.rest).descriptors);
            ensure!(rest.iter().all(|open| *open == rest[0]), "the {name}'s descriptors at rest change: {rest:?}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(resident: [u64; 4], descriptors: [u64; 4], lost: u64) -> Report {
        let quarters = resident.into_iter().zip(descriptors).map(|(resident, descriptors)| {
            let sample =
                Sample { host: Figures { resident, descriptors }, authority: Figures { resident: 1, descriptors: 1 } };
            Quarter { samples: vec![sample; 3], rest: sample }
        });
        Report { minutes: 1, rate: 1, quarters: quarters.collect(), lost, totals: Value::Null }
    }

    #[test]
    fn what_grows_or_is_lost_is_found() {
        let mb = 1_000_000;
        for (resident, descriptors, lost, holds) in [
            ([9 * mb, 20 * mb, 21 * mb, 24 * mb], [1, 9, 9, 9], 0, true),
            ([9 * mb, 20 * mb, 21 * mb, 24 * mb + 1], [1, 9, 9, 9], 0, false),
            ([9 * mb, 20 * mb, 21 * mb, 10 * mb], [1, 9, 9, 10], 0, false),
            ([9 * mb, 20 * mb, 21 * mb, 10 * mb], [1, 9, 8, 9], 0, false),
            ([mb; 4], [1; 4], 1, false),
        ] {
            let judged = report(resident, descriptors, lost).judge();
            assert_eq!(judged.is_ok(), holds, "{resident:?} {descriptors:?} {lost}: {judged:?}");
        }
    }
}
