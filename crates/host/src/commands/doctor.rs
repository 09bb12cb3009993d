//! `keymuster-host doctor`: whether this host does its work, what will keep it from that, and what to do about it.
//!
//! Nothing is counted, granted or written: the server is asked as a new client would ask (documents.md, 6.9), the database
//! and DNS are only read.

mod plan;
mod probe;
mod products;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::id::Slug;
use keymuster_service::Env;
use keymuster_service::database::Failure;
use keymuster_service::doctor::clock::{self, Other, http_date};
use keymuster_service::doctor::{self as shared, machine};
use keymuster_service::exit::Coded;
use serde_json::{Value, json};

pub use self::probe::is_alive;
use super::{dns, print, status};
use crate::dns::{TsigKey, system_servers};
use crate::outgoing::{self, Trust};
use crate::site::{Publisher, Site};
use crate::views::dns::{Asked, configured};
use crate::views::status::Report;
use crate::{doctor, identity, serving, store, windows};

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher whose products are tried; by default all of them.
    #[arg(long, value_name = "NAME")]
    publisher: Option<Slug>,
    /// A name server that clients ask, instead of this machine's own; may be given several times.
    #[arg(long = "resolver", value_name = "ADDRESS[:PORT]", value_parser = dns::server_address)]
    resolvers: Vec<SocketAddr>,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
    /// Only whether the host answers at all, for whoever supervises it, such as a container's health check.
    #[arg(long, conflicts_with_all = ["publisher", "resolvers", "json"])]
    alive: bool,
}

/// How long an authority may take to tell its time.
const TIME_WITHIN: Duration = Duration::from_secs(4);

/// What follows from the database and the server that works on it.
struct Examined {
    findings: Vec<Finding>,
    json: Value,
}

/// Runs the command; the exit code says the verdict.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    if options.alive {
        return alive(data_dir);
    }
    let env = Env::system();
    if let Some(no_host) = status::open_read_only(data_dir).err().filter(|error| !error.is::<Failure>()) {
        return Err(no_host);
    }
    let machine = machine::look(data_dir, store::FILE_NAME, &identity::SECRETS);
    let mut findings = Vec::new();
    let mut more = json!({});
    match examine(data_dir, options, &env) {
        Ok(examined) => {
            findings.extend(examined.findings);
            more = examined.json;
        }
        Err(error) => findings.push(unreadable(error)?),
    }
    findings.extend(machine::examine(&machine));
    let diagnosis = shared::diagnosis("This host answers its clients", "This host does not do its work", findings);
    let text = match options.json {
        true => serde_json::to_string_pretty(&shared::json(&diagnosis, more))? + "\n",
        false => diagnosis.text(),
    };
    print(&text)?;
    Ok(shared::end(&diagnosis)?)
}

/// Asks the server alone, so that neither a lock on the database nor what the host lacks makes it look dead.
fn alive(data_dir: &Path) -> anyhow::Result<()> {
    let serving = serving::read(data_dir).context("cannot read where this host listens")?;
    let detail = match serving {
        Some(serving) if is_alive(serving.clients) => return print(&format!("{} answers\n", serving.clients)),
        Some(serving) => format!("the host on {} does not answer: its log says why", serving.clients),
        None => format!("no keymuster-host serves {}: start it", data_dir.display()),
    };
    Err(Coded { code: &codes::CONNECTION_REFUSED, detail }.into())
}

/// A database that cannot be read is something found, and anything else the doctor's own failure.
fn unreadable(error: anyhow::Error) -> anyhow::Result<Finding> {
    let failure = error.downcast::<Failure>()?;
    let finding = Finding::broken("database", failure.to_string());
    Ok(match failure.code() {
        Some(code) => finding.coded(code),
        None => finding.because("the host cannot work with it", "see the server's log, and try again"),
    })
}

fn examine(data_dir: &Path, options: &Options, env: &Env) -> anyhow::Result<Examined> {
    let mut db = status::open_read_only(data_dir)?;
    let report = status::report(&mut db, data_dir, env.now())?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let is_meant = |held: &Publisher| options.publisher.as_ref().is_none_or(|name| held.trust.publisher == *name);
    if let Some(name) = options.publisher.as_ref().filter(|_| !site.publishers.iter().any(is_meant)) {
        let detail = format!("this host has no publisher {name}");
        return Err(Coded { code: &codes::PUBLISHER_UNKNOWN, detail }.into());
    }
    let mut findings = doctor::of_status(&report, &windows::addresses(&tx)?);
    let asked = products::ask(data_dir, &tx, &site, is_meant)?;
    findings.extend(products::examine(&asked));
    findings.extend(names(data_dir, options, &report, env));
    findings.extend(authorities(&site, &report, env));
    let json = json!({
        "host": report.host,
        "clients": report.serving.as_ref().map(|serving| serving.clients.to_string()),
        "families": asked.iter().map(products::Asked::json).collect::<Vec<_>>(),
        "windows_hellos": report.rpc_hellos,
    });
    Ok(Examined { findings, json })
}

/// What DNS says, where a domain is set in which clients look.
fn names(data_dir: &Path, options: &Options, report: &Report, env: &Env) -> Vec<Finding> {
    if report.dns.zones.is_empty() {
        let seen = "no domain is set (dns-zones), so clients find this host only where somebody has entered it";
        return vec![Finding::well("dns-record", seen)];
    }
    match look(data_dir, options, env) {
        Ok(seen) => doctor::names(&seen, report.answers),
        Err(error) => {
            let finding = Finding::broken("dns-settings", format!("{error:#}"));
            let coded = error.chain().find_map(|cause| cause.downcast_ref::<Coded>()).map(|coded| coded.code);
            vec![match coded {
                Some(code) => finding.coded(code),
                None => finding.because("the host cannot be in DNS as it is set", "keymuster-host settings"),
            }]
        }
    }
}

fn look(data_dir: &Path, options: &Options, env: &Env) -> anyhow::Result<crate::views::dns::Report> {
    let configured = configured(data_dir)?;
    let key = configured.key_file.as_deref().map(TsigKey::read).transpose()?;
    let server = configured.server;
    let resolvers = if options.resolvers.is_empty() { system_servers() } else { options.resolvers.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let asked = Asked { server, key, resolvers, env: env.clone() };
    Ok(runtime.block_on(crate::views::dns::report(configured.plan()?, asked)))
}

/// The authorities: whether they are reached, and what their clocks say.
fn authorities(site: &Site, report: &Report, env: &Env) -> Vec<Finding> {
    let (mut findings, mut clocks) = (Vec::new(), Vec::new());
    for (held, told) in site.publishers.iter().zip(&report.publishers) {
        let Some(url) = held.trust.authority.as_deref() else { continue };
        let is_needed = told.keys.iter().any(|key| key.warn_at.is_none_or(|warn_at| warn_at <= report.time));
        match time_at(url) {
            Ok(theirs) => {
                findings.push(Finding::well("authority", format!("{url} answers")));
                let whose = format!("the clock of the authority of {}", held.trust.publisher);
                clocks.extend(theirs.map(|theirs| Other::new(whose, theirs, env.now())));
            }
            Err(Coded { code, detail }) if is_needed => {
                findings.push(Finding::warning("authority", detail).coded(code));
            }
            Err(Coded { detail, .. }) => {
                findings
                    .push(Finding::well("authority", format!("{detail}; it is not needed before the next renewal")));
            }
        }
    }
    findings.extend(clock::examine(&clocks, clock::is_synchronised(), &codes::HOST_CLOCK_WRONG));
    findings
}

/// What a server says that it is; nothing where it does not say.
fn time_at(url: &str) -> Result<Option<keymuster_core::time::Timestamp>, Coded> {
    let agent = outgoing::agent(url, TIME_WITHIN, Trust::System)?;
    let asked = agent.get(format!("{}/livez", url.trim_end_matches('/'))).call();
    let response = asked.map_err(|error| {
        outgoing::failure(&format!("the authority at {url}"), &error, &codes::AUTHORITY_UNREACHABLE)
    })?;
    Ok(response.headers().get("date").and_then(|date| http_date(date.to_str().ok()?)))
}
