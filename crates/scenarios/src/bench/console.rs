//! `bench console`: what the console's pages cost a host with a million clients, and the browser that shows them.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::{Host, progress, say};
use crate::browser::Browser;
use crate::console::{ADMINISTRATOR, Console, SignedIn};
use crate::cpu::median;
use crate::fixture::Publisher;
use crate::load::Machine;
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
    /// A directory to keep, with the host that was prepared there before; by default one that is deleted again.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data_dir = options.keep.clone().unwrap_or_else(|| directory.path().join("host"));
    let is_kept = data_dir.exists();
    if !is_kept {
        progress("writing the ledger …");
        prepare::host_with_clients(&data_dir, &Publisher::new(1, 500), options.clients, 0)?;
        prepare::what_happened(&data_dir)?;
    }
    let mut host = Host::start(&data_dir)?;
    let console = Console::new("keymuster-host", host.administration, &data_dir);
    let ada = if is_kept { console.sign_in(ADMINISTRATOR)? } else { console.claim(&mut host.running)? };
    let browser = Browser::start()?;
    browser.open(&format!("http://{}/sign-in", host.administration))?;
    let (name, secret) = ada.cookie.split_once('=').context("no session")?;
    browser.set_cookie(name, secret)?;
    say(
        "milliseconds from request to whole answer; bytes of HTML; longest task of the browser in milliseconds, where",
    )?;
    say("one took more than 50\n")?;
    say("page                                                       median  worst   bytes   task")?;
    for path in paths() {
        let row = measure(&ada, &path, options.repeats)?;
        browser.open(&format!("http://{}{path}", host.administration))?;
        say(&format!("{row} {:>6}", browser.longest_task()?))?;
    }
    host.stop(&data_dir)?;
    Ok(())
}

/// The server's part of a row. The first answer, for which the disk may have to be read, is not counted.
fn measure(ada: &SignedIn, path: &str, repeats: u32) -> anyhow::Result<String> {
    let (mut millis, mut bytes) = (Vec::new(), 0);
    for _ in 0..=repeats {
        let begin = Instant::now();
        let answer = ada.get(path)?;
        millis.push(begin.elapsed().as_secs_f64() * 1000.0);
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        bytes = answer.body.len();
    }
    millis.remove(0);
    let worst = millis.iter().copied().fold(0.0, f64::max);
    Ok(format!("{path:<58} {:>6.1} {worst:>6.1} {bytes:>7}", median(millis)))
}

fn paths() -> Vec<String> {
    let fixed = [
        "/",
        "/refusals",
        "/seats",
        "/seats/fixture/pool",
        "/clones",
        "/keys",
        "/products",
        "/products/packs",
        "/exchange",
        "/settings",
        "/settings/renewal-interval",
        "/audit",
        "/accounts",
        "/codes",
    ];
    let mut paths: Vec<String> = fixed.map(str::to_owned).to_vec();
    paths.push(format!("/clients/fixture/{}", Machine::numbered(77).id));
    for sort in ["asked", "name", "lease-end", "first-seen"] {
        for filter in [
            "",
            "&search=pc-0123",
            "&search=0a",
            "&address=10.3.7",
            "&state=licensed",
            "&state=ended",
            "&state=refused",
            "&state=returned",
            "&shared=yes",
            "&edition=volume&search=pc-",
        ] {
            paths.push(format!("/clients?sort={sort}{filter}"));
        }
    }
    paths
}
