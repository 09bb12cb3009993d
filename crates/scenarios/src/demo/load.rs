//! Load on the demonstration's host: many machines that ask again and again, and how long the answers took.

use std::thread;
use std::time::{Duration, Instant};

use keymuster_core::request::Act;
use keymuster_service::Env;

use super::{Stage, acts, heading, tell};
use crate::load::{Connection, Machine};

/// Connections at one time; beyond this the generator, not the host, is what is measured.
const CONNECTIONS_MAX: u32 = 64;

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    micros: Vec<u64>,
    granted: u64,
    refused: u64,
    failed: u64,
}

/// Lets `clients` machines ask for `seconds`, then tells how it went.
pub fn load(stage: &Stage, clients: u32, seconds: u64) -> anyhow::Result<()> {
    heading(&format!("{clients} machines ask for {seconds} seconds"))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let connections = clients.clamp(1, CONNECTIONS_MAX);
    let seen: Vec<Seen> = thread::scope(|scope| {
        let share = |n: u32| clients / connections + u32::from(n < clients % connections);
        let senders: Vec<_> = (0..connections).map(|n| scope.spawn(move || ask(stage, share(n), end))).collect();
        let joined = senders.into_iter().map(|sender| sender.join().expect("a sender does not panic"));
        joined.collect::<anyhow::Result<_>>()
    })?;
    let mut micros: Vec<u64> = seen.iter().flat_map(|seen| &seen.micros).copied().collect();
    micros.sort_unstable();
    anyhow::ensure!(!micros.is_empty(), "no request was answered");
    let total = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>();
    let quantile = |part: f64| micros[((micros.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
    tell(
        "load",
        &[
            format!(
                "{} answers, {} a second, over {connections} connections",
                micros.len(),
                micros.len() as u64 / seconds.max(1)
            ),
            format!(
                "granted {}, refused {}, failed {}",
                total(|s| s.granted),
                total(|s| s.refused),
                total(|s| s.failed)
            ),
            format!(
                "milliseconds: median {:.1}, 99 % {:.1}, largest {:.1}",
                quantile(0.5),
                quantile(0.99),
                quantile(1.0)
            ),
        ],
    )?;
    tell("host", &stage.host.run(&["status"], "")?)
}

fn ask(stage: &Stage, machines: u32, end: Instant) -> anyhow::Result<Seen> {
    let env = Env::system();
    let product = stage.aurora.product(acts::VOLUME_EDITION)?;
    let (publisher, edition) = (product.publisher(), product.edition().number);
    let mut machines: Vec<Machine> = (0..machines).map(|_| Machine::new(&env)).collect();
    let mut connection = Connection::open(stage.host.address)?;
    let mut seen = Seen::default();
    while Instant::now() < end {
        for machine in &mut machines {
            if Instant::now() >= end {
                break;
            }
            let request = machine.request(Act::Activate, publisher, edition, &env);
            let begin = Instant::now();
            // The host closes a connection after a minute, as any client must expect.
            let answer = connection.post("/v1/activate", &request).or_else(|_| {
                connection = Connection::open(stage.host.address)?;
                connection.post("/v1/activate", &request)
            })?;
            seen.micros.push(u64::try_from(begin.elapsed().as_micros())?);
            match answer.status {
                200 => seen.granted += 1,
                403 => seen.refused += 1,
                _ => seen.failed += 1,
            }
        }
    }
    Ok(seen)
}
