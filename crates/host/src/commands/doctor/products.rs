//! Which products the running server would activate: it is asked as a new client would ask, without being counted.

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::codes;
use keymuster_core::finding;
use keymuster_core::id::Slug;
use keymuster_core::lease::LeaseKind;
use keymuster_core::report::Report;
use keymuster_service::Env;
use keymuster_service::exit::Coded;
use keymuster_service::sql::Transaction;
use serde_json::{Value, json};

use super::plan::{self, Question, Standing};
use super::probe::Prober;
use crate::serving::{self, Serving};
use crate::site::{Publisher, Site};
use crate::store;

/// What was asked, and what came of it.
pub struct Asked<'a> {
    publisher: &'a Publisher,
    question: Question<'a>,
    answer: Result<Report, Coded>,
}

/// Asks the server that runs, if one does, about the publishers that are meant.
pub fn ask<'a>(
    data_dir: &Path,
    tx: &Transaction<'_>,
    site: &'a Site,
    is_meant: impl Fn(&Publisher) -> bool,
) -> anyhow::Result<Vec<Asked<'a>>> {
    let Some(serving) = serving::read(data_dir).context("cannot read where this host listens")? else {
        return Ok(Vec::new());
    };
    let mut questions = Vec::new();
    for held in site.publishers.iter().filter(|held| is_meant(held)) {
        let keys = store::host_key::of_publisher(tx, held.number)?;
        questions.extend(plan::questions(held, &keys).into_iter().map(|question| (held, question)));
    }
    Ok(ask_in_turn(&serving, site, questions))
}

/// Asks one question after the other, until something fails that is no refusal: it would fail for all the same.
fn ask_in_turn<'a>(serving: &Serving, site: &Site, questions: Vec<(&'a Publisher, Question<'a>)>) -> Vec<Asked<'a>> {
    let prober = Prober::new(serving, site.host, Env::system());
    let mut all: Vec<Asked<'_>> = Vec::new();
    for (publisher, question) in questions {
        let ask = |prober: &Prober| prober.ask(publisher, question.editions[0]);
        let answer = prober.as_ref().map_err(Clone::clone).and_then(ask);
        let is_failure = answer.as_ref().is_err_and(|wrong| wrong.code.kind == codes::CodeKind::Failure);
        all.push(Asked { publisher, question, answer });
        if is_failure {
            break;
        }
    }
    all
}

/// What the answers come to.
pub fn examine(all: &[Asked<'_>]) -> Vec<finding::Finding> {
    all.iter().map(|asked| asked.examine(all)).collect()
}

impl Asked<'_> {
    /// Whether these products are not meant to be activated by this host, and it says so.
    fn is_apart(&self) -> bool {
        let is_not_covered = |wrong: &Coded| wrong.code == &codes::EDITION_NOT_COVERED;
        self.question.standing == Standing::Apart && self.answer.as_ref().is_err_and(is_not_covered)
    }

    /// Why new clients would not be activated, other than that too few have asked or all seats are taken.
    fn wrong(&self) -> Option<(&'static codes::Code, String)> {
        match &self.answer {
            _ if self.is_apart() => None,
            Err(wrong) => Some((wrong.code, wrong.detail.clone())),
            Ok(report) => {
                let code = refusal(report)?;
                let waits = [&codes::THRESHOLD_NOT_MET, &codes::SEATS_EXHAUSTED].contains(&code);
                let told = || format!("{} counted, and new ones are refused: {}", clients(report.count), code.sentence);
                (!waits).then(|| (code, told()))
            }
        }
    }

    /// What is asked about, and for how many others the answer counts as well.
    fn subject(&self) -> String {
        let (first, others) = (&self.question.editions[0].name, self.question.editions.len() - 1);
        let others = if others == 0 { String::new() } else { format!(" and {others} more") };
        format!("{}: {first}{others}", self.question.family.id)
    }

    /// Whether no product of the publisher is for this host.
    fn is_without(&self, all: &[Asked<'_>]) -> bool {
        let mut of_same = all.iter().filter(|other| other.publisher.number == self.publisher.number);
        of_same.all(Asked::is_apart)
    }

    fn examine(&self, all: &[Asked<'_>]) -> finding::Finding {
        const NAME: &str = "products";
        let seen = format!("{}, {}: {}", self.publisher.trust.publisher, self.subject(), self.told());
        match self.wrong() {
            Some((code, _)) => finding::Finding::broken(NAME, seen).coded(code),
            None if self.is_without(all) => finding::Finding::broken(NAME, seen).coded(&codes::EDITION_NOT_COVERED),
            None => finding::Finding::well(NAME, seen),
        }
    }

    /// The verdict without its code.
    fn told(&self) -> String {
        match (self.is_apart(), self.wrong(), &self.answer) {
            (true, ..) => "no host key here covers it".to_owned(),
            (false, Some((_, detail)), _) => detail,
            (false, None, Ok(report)) => healthy(report, self.question.editions[0].kind),
            (false, None, Err(wrong)) => wrong.detail.clone(),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let report = self.answer.as_ref().ok();
        let refusal = match &self.answer {
            Ok(report) => report.refusal.as_ref().map(Slug::as_str),
            Err(wrong) => Some(wrong.code.name),
        };
        json!({
            "publisher": self.publisher.trust.publisher.as_str(),
            "family": self.question.family.id.as_str(),
            "editions": self.question.editions.iter().map(|edition| edition.id.as_str()).collect::<Vec<_>>(),
            "healthy": self.answer.is_ok() && self.wrong().is_none(),
            "count": report.map(|report| report.count),
            "threshold": report.map(|report| report.threshold),
            "refusal": refusal,
            "verdict": self.told(),
        })
    }
}

fn refusal(report: &Report) -> Option<&'static codes::Code> {
    let name = report.refusal.as_ref()?;
    Some(codes::all().find(|code| code.name == name.as_str()).unwrap_or(&codes::VERSION_UNSUPPORTED))
}

/// The verdict on a report with which nothing is wrong.
fn healthy(report: &Report, kind: LeaseKind) -> String {
    let (count, need) = (report.count, u64::from(report.threshold));
    match kind {
        LeaseKind::Seat if report.refusal.is_none() => "healthy: there is a seat for the next client".to_owned(),
        LeaseKind::Seat => "healthy: all seats are taken; the next that ends or is released is given again".to_owned(),
        LeaseKind::Volume if count >= need => {
            let needed = if need == 1 { "1 is".to_owned() } else { format!("{need} are") };
            format!("healthy: {} counted, {needed} needed: new clients are activated at once", clients(count))
        }
        LeaseKind::Volume => {
            let missing = need - count;
            let next = if missing == 1 { "one completes".to_owned() } else { format!("{missing} complete") };
            format!("healthy: {count} of {need} clients counted; the next {next} it")
        }
    }
}

fn clients(count: u64) -> String {
    if count == 1 { "1 client".to_owned() } else { format!("{count} clients") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::id::{EntitlementId, HostId, RequestId};
    use keymuster_core::lease::Position;
    use keymuster_core::time::Timestamp;

    #[test]
    fn a_healthy_host_is_told_in_words() {
        for (kind, count, threshold, refusal, expected) in [
            (LeaseKind::Volume, 0, 25, true, "healthy: 0 of 25 clients counted; the next 25 complete it"),
            (LeaseKind::Volume, 12, 25, true, "healthy: 12 of 25 clients counted; the next 13 complete it"),
            (LeaseKind::Volume, 24, 25, false, "healthy: 24 of 25 clients counted; the next one completes it"),
            (
                LeaseKind::Volume,
                30,
                25,
                false,
                "healthy: 30 clients counted, 25 are needed: new clients are activated at once",
            ),
            (
                LeaseKind::Volume,
                1,
                1,
                false,
                "healthy: 1 client counted, 1 is needed: new clients are activated at once",
            ),
            (LeaseKind::Seat, 3, 1, false, "healthy: there is a seat for the next client"),
            (
                LeaseKind::Seat,
                3,
                1,
                true,
                "healthy: all seats are taken; the next that ends or is released is given again",
            ),
        ] {
            let report = Report {
                publisher: "aurora".parse().unwrap(),
                entitlement: EntitlementId::from_bytes([1; 16]),
                request: RequestId::from_bytes([2; 16]),
                edition: 1,
                time: Timestamp::from_secs(0),
                position: Position { host: HostId::from_bytes([3; 16]), epoch: 1, sequence: 0, head: [0; 16] },
                count,
                threshold,
                refusal: refusal.then(|| codes::THRESHOLD_NOT_MET.slug()),
                extensions: None,
            };
            assert_eq!(healthy(&report, kind), expected);
        }
    }
}
