//! `cargo demo`: an authority, a host and thirty clients that muster before your eyes; with `--clients`, load on the host.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use keymuster_scenarios::demo::{self, Stage};
use keymuster_service::Stop;

/// Shows a fleet being activated, by the real programs over real sockets, then stays up until it is interrupted.
#[derive(Debug, Parser)]
struct Arguments {
    /// End after the show.
    #[arg(long)]
    once: bool,
    /// Put load on the host instead of the show: so many machines, each with a key of its own.
    #[arg(long, value_name = "N")]
    clients: Option<u32>,
    /// How long the load lasts.
    #[arg(long, value_name = "S", default_value_t = 10, requires = "clients")]
    seconds: u64,
    /// Keep everything in this directory instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "the demonstration ended early: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever sits at a terminal may open a console first and watch the fleet muster there.
fn wait_for_enter() -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        let mut stdout = std::io::stdout().lock();
        write!(stdout, "\nThe fleet musters when you press Enter.").context("cannot write to standard output")?;
        stdout.flush().context("cannot write to standard output")?;
        std::io::stdin().read_line(&mut String::new()).context("cannot read standard input")?;
    }
    Ok(())
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let root = arguments.directory.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&root)?;
    let mut stage = Stage::set(&root)?;
    if !arguments.once {
        stage.pace = Duration::from_millis(100);
        stage.tell_consoles()?;
        wait_for_enter()?;
    }
    match arguments.clients {
        Some(clients) => return demo::load(&stage, clients, arguments.seconds),
        None => demo::show(&mut stage)?,
    }
    if arguments.once {
        return Ok(());
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(stage.what_next()?.as_bytes()).context("cannot write to standard output")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        Stop::on_signals()?.asked().await;
        Ok(())
    })
}
