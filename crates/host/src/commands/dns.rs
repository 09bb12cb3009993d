//! `keymuster-host dns`: what DNS says about this host beside what it should say, and what to do; or the records as text,
//! for where nobody but people may change DNS.
//!
//! Looking changes nothing. `--publish` and `--withdraw` do once and at once what a running host does by itself.

mod advice;
mod people;

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_service::Env;
use keymuster_service::exit::Usage;
use serde::Serialize;

use super::print;
use crate::dns::{
    DnsName, Form, Plan, Publication, Published, TsigKey, Zone, paste, publish, system_servers, withdraw,
};
use crate::views::dns::{Asked, Configured, Report, ZoneReport, configured, report};

const DNS_PORT: u16 = 53;

/// Options of `dns`. Each replaces what is set or what follows from the machine's name.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A domain whose clients shall find the host; may be given several times.
    #[arg(long = "zone", value_name = "NAME[:PRIORITY[:WEIGHT]]")]
    zones: Vec<String>,
    /// The host's own name, as clients look it up.
    #[arg(long, value_name = "NAME")]
    target: Option<DnsName>,
    /// Where clients reach the host.
    #[arg(long)]
    port: Option<u16>,
    /// Clients try smaller numbers first; for zones that do not say their own.
    #[arg(long)]
    priority: Option<u16>,
    /// The share among hosts of one priority; for zones that do not say their own.
    #[arg(long)]
    weight: Option<u16>,
    /// An address of the target, if it is to be in DNS by this host as well; may be given several times.
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<IpAddr>,
    /// The DNS server that takes changes, instead of each zone's primary server.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = server_address)]
    server: Option<SocketAddr>,
    /// The key by which the server allows changes, as tsig-keygen writes it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A name server that clients ask, instead of this machine's own; may be given several times.
    #[arg(long = "resolver", value_name = "ADDRESS[:PORT]", value_parser = server_address)]
    resolvers: Vec<SocketAddr>,
    /// Enter this host's records now.
    #[arg(long, conflicts_with_all = ["withdraw", "print"])]
    publish: bool,
    /// Remove the records whose target is this host, or the one that --target names.
    #[arg(long, conflicts_with = "print")]
    withdraw: bool,
    /// Print the records to paste, and ask nobody.
    #[arg(long, value_name = "FORM")]
    print: Option<Form>,
    /// Write JSON, for programs.
    #[arg(long, conflicts_with = "print")]
    json: bool,
}

pub(super) fn server_address(text: &str) -> Result<SocketAddr, String> {
    let with_port = || text.parse().map(|address| SocketAddr::new(address, DNS_PORT));
    text.parse()
        .or_else(|_| with_port())
        .map_err(|_| "expected an address, such as 192.0.2.53 or [2001:db8::53]:53".into())
}

/// Everything that `dns` tells.
#[derive(Debug, Serialize)]
struct Advised {
    target: DnsName,
    port: u16,
    /// Whom clients ask.
    resolvers: Vec<SocketAddr>,
    zones: Vec<AdvisedZone>,
}

#[derive(Debug, Serialize)]
struct AdvisedZone {
    #[serde(flatten)]
    zone: ZoneReport,
    next: Vec<String>,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let configured = configured(data_dir)?;
    let server = options.server.or(configured.server);
    let key_file = options.key_file.clone().or_else(|| configured.key_file.clone());
    let plan = plan(configured, options)?;
    if let Some(form) = options.print {
        return print_form(&plan, form);
    }
    let key = key_file.map(|path| TsigKey::read(&path)).transpose()?;
    let env = Env::system();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    if options.publish || options.withdraw {
        let tsig = key
            .ok_or_else(|| Usage("name the file with the key that the DNS server knows: --key-file FILE".to_owned()))?;
        let Plan { zones, port, target, addresses } = plan;
        let publication = Publication { zones, port, target, addresses, server, tsig, is_removed_on_stop: false };
        let changed = match options.publish {
            true => runtime.block_on(publish(&publication, &env))?,
            false => runtime.block_on(withdraw(&publication, &env))?,
        };
        return show(&changed, options, |changed: &Published| people::changes(changed));
    }
    let resolvers = if options.resolvers.is_empty() { system_servers() } else { options.resolvers.clone() };
    let may_change = key.is_some();
    let asked = Asked { server, key, resolvers, env };
    let report = advised(runtime.block_on(report(plan, asked)), may_change);
    show(&report, options, people::text)
}

fn show<T: Serialize>(value: &T, options: &Options, for_people: impl Fn(&T) -> String) -> anyhow::Result<()> {
    print(&if options.json { serde_json::to_string_pretty(value)? + "\n" } else { for_people(value) })
}

/// What is set, with the options in its place.
fn plan(configured: Configured, options: &Options) -> anyhow::Result<Plan> {
    let others = (options.priority.unwrap_or(configured.priority), options.weight.unwrap_or(configured.weight));
    let mut zones = configured.zones;
    for zone in &mut zones {
        zone.priority = options.priority.unwrap_or(zone.priority);
        zone.weight = options.weight.unwrap_or(zone.weight);
    }
    if !options.zones.is_empty() {
        let parse = |text: &String| {
            Zone::parse(text, others).map_err(|error| Usage(format!("cannot read --zone {text}: {error}")))
        };
        zones = options.zones.iter().map(parse).collect::<Result<_, _>>()?;
    }
    let target = options.target.clone().or(configured.target).filter(DnsName::is_qualified);
    let usage = |what: &str| Usage(what.to_owned());
    let target =
        target.ok_or_else(|| usage("name this host, as clients look it up, in whole: --target kms.example.com"))?;
    if zones.is_empty() {
        return Err(usage("name the domain whose clients shall find this host: --zone example.com").into());
    }
    let port = options.port.unwrap_or(configured.port);
    let addresses = if options.addresses.is_empty() { configured.addresses } else { options.addresses.clone() };
    Ok(Plan { zones, port, target, addresses })
}

fn print_form(plan: &Plan, form: Form) -> anyhow::Result<()> {
    print(&paste(plan, form))?;
    if form == Form::Route53 {
        let note = "note: where the record set is there already, this fails and changes nothing: add the value to the set by \
                    hand, because Route 53 would replace it as a whole, with the records of other hosts\n";
        std::io::stderr().lock().write_all(note.as_bytes()).context("cannot write to standard error")?;
    }
    Ok(())
}

fn advised(report: Report, may_change: bool) -> Advised {
    let Report { target, port, resolvers, zones } = report;
    let advise = |zone: ZoneReport| AdvisedZone { next: advice::next(&zone, may_change), zone };
    Advised { target, port, resolvers, zones: zones.into_iter().map(advise).collect() }
}
