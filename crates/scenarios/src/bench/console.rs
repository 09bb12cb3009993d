//! `bench console`: what the console's pages about clients cost a host with a million clients.

use std::time::Instant;

use keymuster_host::site::Site;
use keymuster_host::store;
use keymuster_host::views::clients::{self, Query, Search};
use keymuster_service::{Env, database};

use super::{progress, say};
use crate::cpu::median;
use crate::fixture::Publisher;
use crate::prepare;

/// Options of `bench console`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Clients in the ledger.
    #[arg(long, default_value_t = 1_000_000)]
    clients: u64,
    /// How often each page is read.
    #[arg(long, default_value_t = 9)]
    repeats: u32,
    /// A directory to keep, with a host that was prepared before.
    #[arg(long)]
    data_dir: Option<std::path::PathBuf>,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data_dir = options.data_dir.clone().unwrap_or_else(|| directory.path().join("host"));
    if !data_dir.exists() {
        progress("writing the ledger …");
        prepare::host_with_clients(&data_dir, &Publisher::new(1, 500), options.clients, 0)?;
    }
    let now = Env::system().now();
    for query in queries() {
        let mut millis = Vec::new();
        let mut told = String::new();
        for _ in 0..options.repeats {
            let begin = Instant::now();
            let mut db = database::open_read_only(&data_dir.join(store::FILE_NAME))?;
            let tx = db.transaction()?;
            let site = Site::load(&tx)?;
            let search = Search::new(&site, &query, now).map_err(|wrong| anyhow::anyhow!("{wrong:?}"))?;
            let page = clients::load(&tx, &search)?;
            millis.push(begin.elapsed().as_secs_f64() * 1000.0);
            told = format!("{} rows, partial {}, matches {:?}", page.rows.len(), page.is_partial, page.matches);
        }
        let worst = millis.iter().copied().fold(0.0, f64::max);
        let name = serde_json::to_string(&query)?.replace("\"", "");
        say(&format!("{:>8.1} {worst:>8.1}  {told:<45} {name}", median(millis)))?;
    }
    Ok(())
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for sort in ["name", "asked", "lease-end", "first-seen"] {
        for direction in ["up", "down"] {
            let sorted = Query { sort: sort.to_owned(), direction: direction.to_owned(), ..Query::default() };
            for (field, value) in [
                ("", ""),
                ("search", "pc-0123"),
                ("search", "pc-"),
                ("search", "0a"),
                ("search", "08"),
                ("address", "10.3.7"),
                ("address", "10."),
                ("state", "licensed"),
                ("state", "overdue"),
                ("state", "ending"),
                ("state", "ended"),
                ("state", "refused"),
                ("state", "returned"),
                ("state", "released"),
                ("shared", "yes"),
                ("edition", "volume"),
                ("edition", "seats"),
            ] {
                let mut query = sorted.clone();
                let value = value.to_owned();
                match field {
                    "search" => query.search = value,
                    "address" => query.address = value,
                    "state" => query.state = value,
                    "shared" => query.shared = value,
                    "edition" => query.edition = value,
                    _ => {}
                }
                queries.push(query);
            }
        }
    }
    queries
}
