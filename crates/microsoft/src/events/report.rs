//! Everything that the logs say, ready to be shown in any form.

use std::collections::{BTreeMap, HashMap};

use super::application::{Application, Product, Products};
use super::count::{self, CountSeries};
use super::finding::{self, Finding};
use super::hosts::HostSeen;
use super::ledger::{Ledger, Trouble};
use super::machines::{self, Clone, MachineSeen, Standing};
use super::moment::Moment;
use super::read::FileRead;

/// The report.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The files that were read.
    pub files: Vec<FileRead>,
    /// The first and the last request in any log; nothing where there is none.
    pub span: Option<(Moment, Moment)>,
    /// The events that were taken, each once.
    pub events: u64,
    /// Events for which there was no room.
    pub left_out: u64,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// The hosts whose logs were read.
    pub hosts: Vec<HostSeen>,
    /// The products that were asked for, with how many machines have each.
    pub products: Vec<(Product, u64)>,
    /// The machines in the order of their names.
    pub machines: Vec<MachineSeen>,
    /// The ids that several machines share.
    pub clones: Vec<Clone>,
    /// The errors, the most frequent first.
    pub errors: Vec<ErrorGroup>,
    /// The count of each host over time.
    pub counts: Vec<CountSeries>,
    /// The hosts that clients name in their own logs.
    pub servers: Vec<ServerSeen>,
    /// Clients whose own logs were read.
    pub clients: Vec<ClientSeen>,
}

/// Errors of one code in one kind of event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorGroup {
    /// The event: 12288, 12289, 12290, 12291, 12292 or 12293.
    pub event: u16,
    /// The code.
    pub code: u32,
    /// How often.
    pub count: u64,
    /// How many machines.
    pub machines: u64,
    /// The first and last time.
    pub first: Moment,
    /// The last time.
    pub last: Moment,
    /// The computers in whose logs it stands.
    pub computers: Vec<String>,
    /// Some of the machines, with how far their clocks are ahead of the host's, in seconds.
    pub examples: Vec<(String, Option<i64>)>,
    /// What the code means.
    pub means: String,
    /// What to do.
    pub remedy: String,
}

/// A host as clients see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSeen {
    /// As clients name it, with the port.
    pub name: String,
    /// Requests to it.
    pub requests: u64,
    /// Clients that asked it.
    pub clients: u64,
    /// Requests that did not reach it.
    pub unreached: u64,
    /// The clients that could not.
    pub unreached_clients: u64,
    /// From when on.
    pub first_unreached: Option<Moment>,
    /// Until when.
    pub last_unreached: Option<Moment>,
    /// The last code.
    pub code: u32,
    /// Whether the last attempt failed.
    pub is_unreached: bool,
}

/// A client as its own log shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientSeen {
    /// Its name.
    pub name: String,
    /// Requests that it sent.
    pub sent: u32,
    /// Answers that it processed.
    pub answered: u32,
    /// When it sent last.
    pub last_sent: Moment,
    /// Whom it asked last.
    pub server: String,
    /// How many machines the host counted in the last answer, and how many the product asks for.
    pub count: Option<u32>,
    /// How many the product asks for.
    pub minimum: u32,
    /// Whether the last answer activated it.
    pub is_activated: bool,
}

impl Report {
    /// Puts together what was read.
    pub fn new(mut ledger: Ledger, files: Vec<FileRead>, products: &Products) -> Report {
        let span = span(&ledger);
        let end = span.map(|(_, end)| end).unwrap_or_default();
        let application: Vec<Application> = ledger.products.iter().map(|id| products.application(*id)).collect();
        let thresholds = thresholds(&ledger, &application);
        let ends: Vec<(String, u32)> = ledger
            .hosts
            .iter()
            .map(|host| (ledger.names.name(host.name).to_owned(), host.last.unwrap_or(end).day()))
            .collect();
        let mut days = std::mem::take(&mut ledger.days);
        let asked = days.sorted().map(|(host, product, cmid, day)| {
            let application = application.get(usize::from(product)).copied().unwrap_or(Application::Windows);
            (host, application, cmid, day)
        });
        let counts = count::series(asked, &thresholds, &ends);
        let machines = machines::machines(&ledger, products, &counts, end);
        let clones = machines::clones(&ledger);
        let mut report = Report {
            files,
            span,
            events: ledger.taken,
            left_out: ledger.left_out,
            findings: Vec::new(),
            hosts: hosts(&ledger, &machines, end),
            products: product_list(&ledger, products, &machines),
            machines,
            clones,
            errors: errors(&ledger),
            counts,
            servers: servers(&ledger),
            clients: clients(&ledger),
        };
        report.findings = finding::findings(&report);
        report
    }

    /// How many machines stand so.
    pub fn standing(&self, standing: Standing) -> u64 {
        self.machines.iter().filter(|machine| machine.standing == standing).count() as u64
    }

    /// Whether some file could not be understood whole.
    pub fn is_damaged(&self) -> bool {
        self.files.iter().any(|file| !file.is_whole())
    }

    /// The product of a machine.
    pub fn product(&self, machine: &MachineSeen) -> Option<&Product> {
        self.products.get(machine.product).map(|(product, _)| product)
    }

    /// The machines that run out, the next first.
    pub fn running_out(&self) -> Vec<&MachineSeen> {
        let mut found: Vec<&MachineSeen> =
            self.machines.iter().filter(|machine| machine.standing == Standing::RunningOut).collect();
        found.sort_by_key(|machine| machine.until);
        found
    }
}

fn span(ledger: &Ledger) -> Option<(Moment, Moment)> {
    let of_hosts = ledger.hosts.iter().filter_map(|host| host.first.zip(host.last));
    let of_clients = ledger.clients.values().map(|client| {
        let last = client.last_sent.max(client.last_answered);
        (last, last)
    });
    of_hosts.chain(of_clients).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// How many machines the most demanding product asks for, by host and application.
fn thresholds(ledger: &Ledger, application: &[Application]) -> HashMap<(u16, Application), u32> {
    let mut thresholds = HashMap::new();
    for (key, seat) in &ledger.seats {
        let application = application.get(usize::from(key.product)).copied().unwrap_or(Application::Windows);
        let threshold = thresholds.entry((seat.host, application)).or_insert(0);
        // A host that nobody could need has no threshold worth a warning.
        *threshold = seat.minimum.min(1_000).max(*threshold);
    }
    thresholds
}

fn hosts(ledger: &Ledger, machines: &[MachineSeen], end: Moment) -> Vec<HostSeen> {
    let mut by_host = HashMap::<&str, u64>::new();
    for machine in machines.iter().filter(|machine| machine.renewed.is_some()) {
        *by_host.entry(&machine.host).or_default() += 1;
    }
    let mut all = BTreeMap::<u32, u32>::new();
    for (hour, requests) in ledger.hosts.iter().flat_map(|host| &host.hours) {
        *all.entry(*hour).or_default() += requests;
    }
    let one = |host: &super::hosts::Host| {
        let name = ledger.names.name(host.name);
        let mut others = all.clone();
        for (hour, requests) in &host.hours {
            if let Some(sum) = others.get_mut(hour) {
                *sum -= requests;
            }
        }
        HostSeen {
            name: name.to_owned(),
            first: host.first,
            last: host.last,
            requests: host.requests,
            failed: host.failed,
            machines: by_host.get(name).copied().unwrap_or_default(),
            daily: host.daily(),
            silences: host.silences(&others, end),
            not_published: host.not_published(),
            not_started: host.not_started.filter(|at| host.last.is_none_or(|last| last < *at)),
        }
    };
    let mut hosts: Vec<HostSeen> = ledger.hosts.iter().map(one).collect();
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    hosts
}

fn product_list(ledger: &Ledger, products: &Products, machines: &[MachineSeen]) -> Vec<(Product, u64)> {
    let mut minimums = vec![0; ledger.products.len()];
    for (key, seat) in &ledger.seats {
        if let Some(minimum) = minimums.get_mut(usize::from(key.product)) {
            *minimum = seat.minimum.max(*minimum);
        }
    }
    let mut counts = vec![0_u64; ledger.products.len()];
    for machine in machines {
        if let Some(count) = counts.get_mut(machine.product) {
            *count += 1;
        }
    }
    let named = ledger.products.iter().zip(minimums).map(|(id, minimum)| products.product(*id, minimum));
    named.zip(counts).collect()
}

fn errors(ledger: &Ledger) -> Vec<ErrorGroup> {
    let one = |(&(event, code), trouble): (&(u16, u32), &Trouble)| {
        let mut computers: Vec<String> =
            trouble.hosts.iter().take(100).map(|name| ledger.names.name(*name).to_owned()).collect();
        computers.sort();
        let examples = trouble.examples.iter().map(|(name, ahead)| (ledger.names.name(*name).to_owned(), *ahead));
        let (means, remedy) = finding::explanation(code);
        ErrorGroup {
            event,
            code,
            count: trouble.count,
            machines: trouble.names.len() as u64,
            first: trouble.first,
            last: trouble.last,
            computers,
            examples: examples.collect(),
            means,
            remedy,
        }
    };
    let mut errors: Vec<ErrorGroup> = ledger.troubles.iter().map(one).collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    errors
}

fn servers(ledger: &Ledger) -> Vec<ServerSeen> {
    let one = |(name, server): (&u32, &super::hosts::Server)| ServerSeen {
        name: ledger.names.name(*name).to_owned(),
        requests: server.requests,
        clients: server.clients.len() as u64,
        unreached: server.unreached,
        unreached_clients: server.unreached_clients.len() as u64,
        first_unreached: server.first_unreached,
        last_unreached: server.last_unreached,
        code: server.code,
        is_unreached: server.is_unreached(),
    };
    ledger.servers.iter().map(one).collect()
}

fn clients(ledger: &Ledger) -> Vec<ClientSeen> {
    let one = |(name, client): (&u32, &super::ledger::ClientLog)| ClientSeen {
        name: ledger.names.name(*name).to_owned(),
        sent: client.sent,
        answered: client.answered,
        last_sent: client.last_sent,
        server: if client.sent > 0 { ledger.names.name(client.server).to_owned() } else { String::new() },
        count: client.count.map(|(_, count, _)| count),
        minimum: client.minimum,
        is_activated: client.is_activated,
    };
    let mut clients: Vec<ClientSeen> = ledger.clients.iter().map(one).collect();
    clients.sort_by(|a, b| a.name.cmp(&b.name));
    clients
}
