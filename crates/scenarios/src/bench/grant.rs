//! `bench grant`: CPU per activation of the host process beside the parts it is made of.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use keymuster_core::request::Act;
use keymuster_service::Env;

use super::{Host, primitives, progress, say, tls};
use crate::cpu;
use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::{Connection, Machine};
use crate::prepare;
use crate::programs::{self, Running};

/// Options of `bench grant`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Requests per measurement.
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
    /// Connections at one time.
    #[arg(long, default_value_t = 64)]
    connections: u64,
    /// Clients in the largest ledger.
    #[arg(long, default_value_t = 1_000_000)]
    clients: u64,
}

/// How requests travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Travel {
    KeepAlive,
    ConnectionEach,
    /// Over TLS, with a whole handshake each.
    TlsEach,
}

impl Travel {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Travel::KeepAlive => "keep-alive",
            Travel::ConnectionEach => "connection each",
            Travel::TlsEach => "connection each, TLS 1.3",
        }
    }
}

/// One measured row.
#[derive(Debug)]
struct Row {
    name: String,
    host: f64,
    http: f64,
    check: f64,
    write: f64,
    batch: f64,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<()> {
    programs::command("keymuster-host")?;
    progress("measuring HTTP alone …");
    let senders = (options.requests, options.connections);
    let http = [echo(senders, Travel::KeepAlive)?, echo(senders, Travel::ConnectionEach)?];
    let sign = primitives::signature_micros();
    let mut rows = vec![measure(options, 0, Travel::KeepAlive, http[0])?];
    for clients in [10_000, options.clients] {
        rows.push(measure(options, clients, Travel::KeepAlive, http[0])?);
    }
    rows.push(measure(options, 10_000, Travel::ConnectionEach, http[1])?);

    say("CPU microseconds per activation; host: its whole process; sum: HTTP + check + signature + write\n")?;
    say("activation                                host   HTTP  check   sign  write    sum  host/sum  batch")?;
    for Row { name, host, http, check, write, batch } in rows {
        let sum = http + check + sign + write;
        say(&format!(
            "{name:<38} {host:>7.1} {http:>6.1} {check:>6.1} {sign:>6.1} {write:>6.1} {sum:>6.1} {:>9.2} {batch:>6.0}",
            host / sum
        ))?;
    }
    Ok(())
}

/// CPU microseconds per request of a server that only sends the request back; so many requests over so many connections.
pub(super) fn echo((requests, connections): (u64, u64), travel: Travel) -> anyhow::Result<f64> {
    let own = std::env::current_exe()?;
    let mut command = std::process::Command::new(own.with_file_name("echo_edge"));
    let mut server = Running::start(&mut command, Stdio::inherit())?;
    let address: SocketAddr = server.line_after("listening on http://")?.parse()?;
    let body = vec![1; 850];
    let bodies: Vec<Vec<u8>> = (0..requests).map(|_| body.clone()).collect();
    cpu_per_request(&server, address, bodies, connections, travel)
}

/// One row: activations of `clients` known clients, or of new ones where none is known.
fn measure(options: &Options, clients: u64, travel: Travel, http: f64) -> anyhow::Result<Row> {
    let way = travel.name();
    let name = match clients {
        0 => format!("new clients, {way}"),
        _ => format!("renewals, {clients} known, {way}"),
    };
    progress(&format!("measuring {name} …"));
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().join("host");
    let publisher = Publisher::new(1, 5);
    prepare::host_with_clients(&data_dir, &publisher, clients, clients.min(2 * options.requests))?;
    // The first half is measured in the host, the second half in the tables alone, whose rows are then as cold.
    let machines = machines(clients, 2 * options.requests);
    let (for_host, for_tables) = machines.split_at(machines.len() / 2);
    let env = Env::system();
    let sign =
        |machine: &Machine| machine.clone().request(Act::Activate, &publisher.trust.publisher, VOLUME_EDITION, &env);
    let bodies: Vec<Vec<u8>> = for_host.iter().map(sign).collect();

    let host = Host::start(&data_dir)?;
    let micros = cpu_per_request(&host.running, host.address, bodies, options.connections, travel)?;
    let (decided, transactions) = host.stop(&data_dir)?;
    let batch = decided as f64 / transactions.max(1) as f64;
    let write = primitives::write_micros(&data_dir, for_tables, batch.round() as usize, clients == 0)?;
    Ok(Row { name, host: micros, http, check: primitives::check_micros(batch.round() as usize), write, batch })
}

/// Machines that are known, spread over the whole ledger, or new ones.
fn machines(clients: u64, wanted: u64) -> Vec<Machine> {
    let known = if clients == 0 { wanted } else { clients };
    (0..wanted.min(known)).map(Machine::numbered).collect()
}

/// Sends every body once, over so many connections at a time, and divides the server's CPU time by their number.
pub(super) fn cpu_per_request(
    server: &Running,
    address: SocketAddr,
    bodies: Vec<Vec<u8>>,
    connections: u64,
    travel: Travel,
) -> anyhow::Result<f64> {
    let requests = bodies.len();
    let share = requests.div_ceil(connections as usize).max(1);
    let before = cpu::of_process(server.id())?;
    std::thread::scope(|scope| {
        let senders: Vec<_> =
            bodies.chunks(share).map(|bodies| scope.spawn(move || send_all(address, bodies, travel))).collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
    })?;
    let used = cpu::of_process(server.id())? - before;
    Ok(used as f64 / requests as f64 / 1000.0)
}

fn send_all(address: SocketAddr, bodies: &[Vec<u8>], travel: Travel) -> anyhow::Result<()> {
    let config = tls::config()?;
    let mut connection = Connection::open(address).context("cannot connect")?;
    for body in bodies {
        let answer = match travel {
            Travel::KeepAlive => connection.post("/v1/activate", body),
            Travel::ConnectionEach => {
                connection = Connection::open(address).context("cannot connect")?;
                connection.post("/v1/activate", body)
            }
            Travel::TlsEach => Connection::open_tls(address, &config)?.post("/v1/activate", body),
        }?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(())
}
