//! `keymuster-host check`: asks the running server of this data directory, as a new client would, what it would answer.
//!
//! Nothing is counted, granted or written: the requests are those of documents.md 6.9, and the database is only read.

mod plan;
mod probe;

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::codes;
use keymuster_core::id::Slug;
use keymuster_core::lease::LeaseKind;
use keymuster_core::report::Report;
use keymuster_service::Env;
use keymuster_service::exit::Coded;
use serde_json::{Value, json};

use self::plan::{Question, Standing};
use self::probe::Prober;
pub use self::probe::is_alive;
use super::{print, status};
use crate::serving::{self, Serving};
use crate::site::{Publisher, Site};
use crate::store;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher to check; by default all of them.
    #[arg(long, value_name = "NAME")]
    publisher: Option<Slug>,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// What was asked, and what came of it.
struct Finding<'a> {
    publisher: &'a Publisher,
    question: Question<'a>,
    answer: Result<Report, Coded>,
}

/// Runs the command. The first thing that is wrong is its error, after everything was told.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let mut db = status::open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let mut questions = Vec::new();
    for held in site.publishers.iter().filter(|held| is_meant(held, options)) {
        let keys = store::host_key::of_publisher(&tx, held.number)?;
        questions.extend(plan::questions(held, &keys).into_iter().map(|question| (held, question)));
    }
    drop(tx);
    let serving = serving::read(data_dir).context("cannot read where this host listens")?;
    let findings = serving.as_ref().map(|serving| ask(serving, &site, questions)).unwrap_or_default();
    let wrong = match &serving {
        None => Some(not_running(data_dir)),
        Some(_) if !site.publishers.iter().any(|held| is_meant(held, options)) => Some(no_publisher(options)),
        Some(serving) => first_wrong(&findings).or_else(|| not_where_it_is_set(serving)),
    };
    if options.json {
        print(&(serde_json::to_string_pretty(&json_of(&site, serving.as_ref(), &findings, wrong.as_ref()))? + "\n"))?;
    } else if let Some(serving) = &serving {
        print(&text(&site, serving, &findings))?;
    }
    wrong.map_or(Ok(()), |wrong| Err(wrong.into()))
}

fn is_meant(held: &Publisher, options: &Options) -> bool {
    options.publisher.as_ref().is_none_or(|name| held.trust.publisher == *name)
}

/// Asks one question after the other, until something fails that is no refusal: it would fail for all the same.
fn ask<'a>(serving: &Serving, site: &Site, questions: Vec<(&'a Publisher, Question<'a>)>) -> Vec<Finding<'a>> {
    let prober = Prober::new(serving.clients, site.host, Env::system());
    let mut findings: Vec<Finding<'_>> = Vec::new();
    for (publisher, question) in questions {
        let answer = prober.ask(publisher, question.editions[0]);
        let is_failure = answer.as_ref().is_err_and(|wrong| wrong.code.kind == codes::CodeKind::Failure);
        findings.push(Finding { publisher, question, answer });
        if is_failure {
            break;
        }
    }
    findings
}

fn not_running(data_dir: &Path) -> Coded {
    let detail = format!("no keymuster-host serves {}: start it", data_dir.display());
    Coded { code: &codes::CONNECTION_REFUSED, detail }
}

fn no_publisher(options: &Options) -> Coded {
    let name = options.publisher.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    Coded { code: &codes::PUBLISHER_UNKNOWN, detail: format!("this host has no publisher{name}") }
}

/// Clients that ask at the port that is set find nothing there, although the server answers at another one.
fn not_where_it_is_set(serving: &Serving) -> Option<Coded> {
    let problem = serving.problem.as_ref()?;
    let code = problem.code.as_deref().and_then(codes::find).unwrap_or(&codes::CONNECTION_REFUSED);
    let detail = format!("clients are answered on {}, and not on the port that is set: ", serving.clients);
    Some(Coded { code, detail: detail + &problem.detail })
}

fn first_wrong(findings: &[Finding<'_>]) -> Option<Coded> {
    let wrong = findings.iter().find_map(|finding| Some((finding, finding.wrong()?)));
    let (finding, (code, detail)) = wrong.or_else(|| {
        // A publisher none of whose products is for this host.
        let is_without = |finding: &&Finding<'_>| {
            let of_same = findings.iter().filter(|other| other.publisher.number == finding.publisher.number);
            of_same.into_iter().all(Finding::is_apart)
        };
        let finding = findings.iter().find(is_without)?;
        let refused = finding.answer.as_ref().err()?;
        Some((finding, (refused.code, refused.detail.clone())))
    })?;
    let publisher = &finding.publisher.trust.publisher;
    Some(Coded { code, detail: format!("{publisher}, {}: {detail}", finding.question.editions[0].name) })
}

impl Finding<'_> {
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

    fn verdict(&self) -> String {
        if self.is_apart() {
            return format!("no host key here covers it ({})", codes::EDITION_NOT_COVERED);
        }
        match (self.wrong(), &self.answer) {
            (Some((code, detail)), _) => format!("{detail} ({code})"),
            (None, Ok(report)) => healthy(report, self.question.editions[0].kind),
            (None, Err(wrong)) => wrong.detail.clone(),
        }
    }

    /// What is asked about, and for how many others the answer counts as well.
    fn subject(&self) -> String {
        let (first, others) = (&self.question.editions[0].name, self.question.editions.len() - 1);
        let others = if others == 0 { String::new() } else { format!(" and {others} more") };
        format!("{}: {first}{others}", self.question.family.id)
    }

    fn json(&self) -> Value {
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
            "verdict": self.verdict(),
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

/// Everything for people; what is wrong, and what to do about it, follows as the command's error.
fn text(site: &Site, serving: &Serving, findings: &[Finding<'_>]) -> String {
    let mut text = format!("host {}, clients on {}\n", site.host, serving.clients);
    for held in &site.publishers {
        let mut own = findings.iter().filter(|finding| finding.publisher.number == held.number).peekable();
        if own.peek().is_some() {
            text += &format!("\n{} ({})\n", held.catalogue.name, held.trust.publisher);
        }
        own.for_each(|finding| text += &format!("  {}\n    {}\n", finding.subject(), finding.verdict()));
    }
    text
}

fn json_of(site: &Site, serving: Option<&Serving>, findings: &[Finding<'_>], wrong: Option<&Coded>) -> Value {
    let wrong =
        wrong.map(|Coded { code, detail }| json!({ "code": code.name, "detail": detail, "what_to_do": code.remedy }));
    json!({
        "host": site.host.to_string(),
        "clients": serving.map(|serving| serving.clients.to_string()),
        "healthy": wrong.is_none(),
        "wrong": wrong,
        "checks": findings.iter().map(Finding::json).collect::<Vec<_>>(),
    })
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
