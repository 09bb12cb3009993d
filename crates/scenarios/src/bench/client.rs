//! `bench client`: what the library's calls cost a product, and how long commands take that need no network.

use std::process::{Command, Stdio};
use std::time::Instant;

use keymuster_client::{Client, HostAddress, Product, Settings};
use keymuster_service::Env;

use super::{Host, progress, say};
use crate::cpu;
use crate::fixture::Publisher;
use crate::programs;

/// How often a command is run.
const RUNS: usize = 15;

/// Runs the benchmark.
pub fn run() -> anyhow::Result<()> {
    progress("activating one client …");
    let directory = tempfile::tempdir()?;
    let (data_dir, store) = (directory.path().join("host"), directory.path().join("store"));
    let publisher = Publisher::new(1, 5);
    publisher.entitle_host(&data_dir)?;
    let host = Host::start(&data_dir)?;
    let pack = publisher.pack(Env::system().now()).to_file();
    let open = || -> anyhow::Result<Client> {
        let product = Product::new(&publisher.trust.to_string(), &pack, "volume")?;
        let address = HostAddress { host: host.address.ip().to_string(), port: host.address.port(), tls_only: false };
        let settings = Settings { store: store.clone(), host: Some(address), ..Settings::default() };
        Ok(Client::open_with(product, settings)?)
    };
    let client = open()?;
    client.activate()?;

    say("call or command                             median")?;
    let micros = cpu::micros_of(1000, |_| drop(std::hint::black_box(client.status())));
    say(&format!("client.status()                      {micros:>10.1} µs CPU"))?;
    let micros = cpu::micros_of(20, |_| drop(std::hint::black_box(open())));
    say(&format!("Product::new and Client::open        {micros:>10.1} µs CPU"))?;
    let store = store.to_string_lossy().into_owned();
    let data_dir_text = data_dir.to_string_lossy().into_owned();
    for (program, arguments) in [
        ("keymuster", &["--store", &store, "status"][..]),
        ("keymuster", &["explain", "threshold-not-met"]),
        ("keymuster-host", &["--data-dir", &data_dir_text, "status"]),
    ] {
        let words: Vec<&str> = arguments.iter().filter(|word| !word.starts_with(['-', '/'])).copied().collect();
        let name = format!("{program} {}", words.join(" "));
        let millis = command_millis(programs::command(program)?.args(arguments))?;
        say(&format!("{name:<36} {millis:>10.1} ms"))?;
    }
    host.stop(&data_dir)?;
    Ok(())
}

/// Milliseconds from start to end of a command, the median of some runs.
fn command_millis(command: &mut Command) -> anyhow::Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let run = |_| {
        let begin = Instant::now();
        anyhow::ensure!(command.status()?.success(), "{:?} failed", command.get_program());
        Ok(begin.elapsed().as_secs_f64() * 1000.0)
    };
    Ok(cpu::median((0..RUNS).map(run).collect::<anyhow::Result<_>>()?))
}
