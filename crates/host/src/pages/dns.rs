//! What DNS says about this host, for each domain: what is published, what clients see, and what to do.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Query;
use keymuster_service::console::page::{self, html, see_other};
use keymuster_service::console::permission::{Handle, Look, Settings};
use serde::Deserialize;

use super::parts::When;
use super::{PRODUCT, Sample};
use crate::acts::dns as acts;
use crate::administration::Administration;
use crate::dns::{Change, Compared, Comparison, Form, Own, Plan, Published, SrvRecord, Standing, Zone, paste};
use crate::lookout::{AGAIN_SECS, KEPT_SECS};
use crate::views::dns::{self, AtServer, Dns, Report, View, ZoneReport, configured};

/// A page is answered after this at the latest; what is not known by then comes with the next one.
const WAIT: Duration = Duration::from_millis(60);

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// `yes` looks again, although the last look counts.
    again: String,
}

/// The records in a form to be pasted.
struct Paste {
    title: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "dns.html")]
struct DnsPage {
    frame: Frame,
    dns: Dns,
    is_looking: bool,
    may_publish: bool,
    may_withdraw: bool,
    pastes: Vec<Paste>,
}

impl DnsPage {
    fn when(&self, secs: &u64) -> When {
        When::at(*secs)
    }
}

#[derive(Template)]
#[template(path = "dns_withdraw.html")]
struct WithdrawPage {
    frame: Frame,
    is_publishing: bool,
    zones: Vec<String>,
    target: String,
}

/// How a domain stands: the kind of its badge, and its words.
fn standing(zone: &ZoneReport) -> (&'static str, &'static str) {
    let published = zone.published.as_ref().map(|at| &at.view);
    match (published.unwrap_or(&zone.seen), &zone.seen) {
        (View::Failed { .. }, _) => ("bad", "Not known"),
        (View::Shown(Comparison { own: Own::Missing, .. }), _) => ("bad", "This host is missing"),
        (View::Shown(Comparison { own: Own::Stale, .. }), _) => ("warn", "Out of date"),
        (_, View::Shown(Comparison { own: Own::Present, records })) => {
            let is_reached = records.iter().all(|record| record.problem.is_none());
            if is_reached { ("good", "As it should be") } else { ("warn", "Somebody does not answer") }
        }
        _ => ("warn", "Clients see something else"),
    }
}

/// What to do about a domain.
fn advice(zone: &ZoneReport) -> Option<&'static str> {
    Some(match standing(zone).1 {
        "As it should be" => return None,
        "Not known" => "Look at what the code means; until then nobody can say what clients find.",
        "This host is missing" => "Publish now, or paste the record below into the zone.",
        "Out of date" => "Publish now: that replaces what this host has there, and nothing of other hosts.",
        "Clients see something else" => {
            "Wait until the name servers that clients ask forget what they have kept, an hour by default."
        }
        _ => "See after the host that does not answer, or delete its record if it is gone for good.",
    })
}

/// The views of a domain, each with its title; one, where both say the same.
fn views(zone: &ZoneReport) -> Vec<(String, &View)> {
    let at = |at: &AtServer| at.server.map_or_else(String::new, |server| format!(" ({server})"));
    match &zone.published {
        Some(published) if published.view == zone.seen => {
            vec![(format!("Published{}, and seen by clients", at(published)), &zone.seen)]
        }
        Some(published) => vec![
            (format!("At the server that takes changes{}", at(published)), &published.view),
            ("What clients see".to_owned(), &zone.seen),
        ],
        None => vec![("What clients see".to_owned(), &zone.seen)],
    }
}

fn whose(record: &Compared) -> &'static str {
    match record.standing {
        Standing::Own => "this host",
        Standing::Stale => "this host, out of date",
        Standing::Foreign => "another host",
    }
}

fn pastes(plan: &Plan) -> Vec<Paste> {
    let forms = [
        ("Lines of a zone file", Form::Zone),
        ("nsupdate (BIND)", Form::Bind),
        ("PowerShell (Windows DNS server)", Form::Windows),
        ("dnsmasq", Form::Dnsmasq),
        ("Amazon Route 53", Form::Route53),
    ];
    forms.map(|(title, form)| Paste { title, text: paste(plan, form) }).into()
}

/// `GET /dns`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(asked): Query<Asked>,
) -> page::Result<Response> {
    if asked.again == "yes" {
        app.lookout.look(AGAIN_SECS, WAIT).await;
        // The script asks for a page again and again, and shall not look each time.
        return Ok(see_other("/dns"));
    }
    let seen = app.lookout.look(KEPT_SECS, WAIT).await;
    let is_looking = seen.looking_since.is_some();
    let dns = app.console.pool().read(move |tx| dns::load(tx, &seen)).await?;
    let configured = configured(&app.data_dir).map_err(keymuster_service::Problem::from)?;
    let has_key = configured.key_file.is_some();
    let plan = configured.plan();
    let account = page.account();
    let (may_publish, may_withdraw) = (account.may::<Handle>(), account.may::<Settings>());
    html(&DnsPage {
        frame: page.frame(),
        dns,
        is_looking,
        may_publish: may_publish && has_key && plan.is_ok(),
        may_withdraw: may_withdraw && has_key && plan.is_ok(),
        pastes: plan.as_ref().map(pastes).unwrap_or_default(),
    })
}

/// `POST /dns/publish`.
pub async fn publish(page: Page<Handle>, State(app): State<Administration>) -> page::Result<Response> {
    let published = acts::publish(app.dns_place(), &page.by()).await;
    app.lookout.forget();
    page.done(words(&published.map_err(keymuster_service::Problem::from)?), "/dns").await
}

/// `GET /dns/withdraw`: asks before.
pub async fn ask_withdraw(page: Page<Settings>, State(app): State<Administration>) -> page::Result<Response> {
    let dns = app.console.pool().read(|tx| dns::load(tx, &crate::lookout::Seen::default())).await?;
    let plan = configured(&app.data_dir).map_err(keymuster_service::Problem::from)?.plan();
    let plan = plan.map_err(|usage| keymuster_service::Problem::new(&codes::INPUT_INVALID, usage.to_string()))?;
    html(&WithdrawPage {
        frame: page.frame(),
        is_publishing: dns.is_publishing,
        zones: plan.zones.iter().map(|zone| zone.name.service().to_string()).collect(),
        target: plan.target.to_string(),
    })
}

/// `POST /dns/withdraw`.
pub async fn withdraw(page: Page<Settings>, State(app): State<Administration>) -> page::Result<Response> {
    let withdrawn = acts::withdraw(app.dns_place(), &page.by()).await;
    app.lookout.forget();
    page.done(words(&withdrawn.map_err(keymuster_service::Problem::from)?), "/dns").await
}

fn words(published: &Published) -> String {
    let done = |change| match change {
        Change::Added => "entered",
        Change::Replaced => "replaced what this host had there",
        Change::Kept => "was there already",
        Change::Removed => "removed",
        Change::Absent => "there was nothing of this host",
    };
    let entries: Vec<String> =
        published.entries.iter().map(|entry| format!("{}: {}", entry.name, done(entry.change))).collect();
    entries.join("; ")
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    Ok(vec![
        ("dns-empty", sample(None, Some("this host has no full name yet: set dns-target"), false)?),
        ("dns-looking", sample(None, None, true)?),
        ("dns-typical", sample(Some(&[Own::Present]), None, false)?),
        ("dns-full", sample(Some(&[Own::Present, Own::Stale, Own::Missing, Own::Present, Own::Present]), None, true)?),
        ("dns-error", sample(Some(&[]), None, false)?),
        (
            "dns-withdraw",
            WithdrawPage {
                frame: Frame::sample(&PRODUCT, "/dns"),
                is_publishing: true,
                zones: vec!["_keymuster._tcp.example.com".to_owned()],
                target: "kms.example.com".to_owned(),
            }
            .render()?,
        ),
    ])
}

/// A page whose zones stand as `owns` says; without any, the name servers have failed.
fn sample(owns: Option<&[Own]>, problem: Option<&str>, is_looking: bool) -> Result<String, askama::Error> {
    let zone = |number: usize| format!("site{number}.example.com");
    let zones = |count: usize| -> Vec<Zone> {
        let parsed = (1..=count).map(|number| Zone::parse(&zone(number), (0, 10)));
        parsed.map(|zone| zone.expect("the name of a sample is one")).collect()
    };
    let target = "kms.example.com".parse().expect("the name of a sample is one");
    let plan =
        Plan { zones: zones(owns.map_or(0, |owns| owns.len().max(1))), port: 1688, target, addresses: Vec::new() };
    let report = |owns: &[Own]| Report {
        target: plan.target.clone(),
        port: plan.port,
        resolvers: vec![([192, 0, 2, 53], 53).into()],
        zones: plan.zones.iter().enumerate().map(|(place, zone)| sample_zone(&plan, zone, owns.get(place))).collect(),
    };
    let dns = Dns {
        is_publishing: owns.is_some_and(|owns| !owns.is_empty()),
        why_not: owns.is_none().then(|| "nothing is published until this is set: dns-zones, dns-key-file".to_owned()),
        looked_at: (!is_looking || owns.is_some()).then_some(1_800_000_000),
        report: owns.map(report),
        problem: problem.map(str::to_owned),
    };
    let is_set = owns.is_some();
    let pastes = if is_set { pastes(&plan) } else { Vec::new() };
    let frame = Frame::sample(&PRODUCT, "/dns");
    DnsPage { frame, dns, is_looking, may_publish: is_set, may_withdraw: is_set, pastes }.render()
}

fn sample_zone(plan: &Plan, zone: &Zone, own: Option<&Own>) -> ZoneReport {
    let expected = zone.record(&plan.target, plan.port);
    let other = SrvRecord { target: "kms2.example.com".to_owned(), priority: 5, ..expected.clone() };
    let compared = |record: &SrvRecord, standing, problem: Option<&str>| Compared {
        record: record.clone(),
        standing,
        problem: problem.map(str::to_owned),
    };
    let shown = |own: Own| {
        let first = match own {
            Own::Present => vec![compared(&expected, Standing::Own, None)],
            Own::Stale => {
                let record = SrvRecord { port: 1700, ..expected.clone() };
                vec![compared(&record, Standing::Stale, Some("no answer from 192.0.2.7:1700: connection refused"))]
            }
            Own::Missing => Vec::new(),
        };
        View::Shown(Comparison { own, records: [first, vec![compared(&other, Standing::Foreign, None)]].concat() })
    };
    let failed = || View::Failed {
        code: codes::DNS_KEY_MISMATCH.name,
        error: "192.0.2.53:53 does not know the key kms, or another secret of it".to_owned(),
    };
    let server = Some(([192, 0, 2, 53], 53).into());
    let view = own.map_or_else(failed, |own| shown(*own));
    let seen = own.map_or_else(|| shown(Own::Missing), |own| shown(*own));
    ZoneReport {
        zone: zone.name.clone(),
        name: zone.name.service(),
        expected,
        published: Some(AtServer { server, view }),
        seen,
    }
}
