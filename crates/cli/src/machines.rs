//! One command on a whole list of machines: each is reached by `ssh`, and the same command is run there.
//!
//! Nothing is run before the whole list is understood. Keys travel on standard input alone, because a command line is
//! visible to every user of both machines.

mod child;
mod outcome;
mod progress;
mod remote;
mod report;

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{Args, value_parser};
use keymuster::list::{self, FILE_BYTES_MAX, Keys, Row};

use crate::answer::{Answer, note};
use crate::exit;
use crate::failure::Failure;
use crate::machine::Machine;
use outcome::Outcome;
use progress::Progress;
pub use remote::Task;

/// Faults of a list that are shown; who has more has saved the file in the wrong way.
const FAULTS_MAX: usize = 100;

/// Options of a command that can be run on many machines.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many machines")]
pub struct Many {
    /// Run this command on every machine of a list, reached by ssh. The first line names the columns: machine (as ssh
    /// knows it, or local), and perhaps publisher, edition, store, host and key. With keys in it, keep the file private.
    #[arg(long, value_name = "FILE.csv")]
    from: Option<PathBuf>,
    /// How many machines are asked at the same time, at most 64.
    #[arg(long, value_name = "N", requires = "from", default_value_t = 8, value_parser = value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// The program that reaches a machine; it is called as OpenSSH's.
    #[arg(long, value_name = "PROGRAM", requires = "from", default_value = "ssh")]
    ssh: PathBuf,
    /// How long one machine may take.
    #[arg(long, value_name = "SECONDS", requires = "from", default_value_t = 120)]
    #[arg(value_parser = value_parser!(u64).range(1..=3600))]
    time_limit: u64,
    /// Write the results as CSV as well; the file can be edited and given to --from.
    #[arg(long, value_name = "FILE.csv", requires = "from")]
    out: Option<PathBuf>,
}

/// How all machines of a list are asked.
struct Run<'a> {
    task: Task,
    rows: &'a [Row],
    ssh: &'a Path,
    limit: Duration,
    /// Set when somebody wants the program to end.
    stop: Arc<AtomicBool>,
}

/// Runs a task on the machines of the list, if there is one.
pub fn run(machine: &Machine, many: &Many, task: Task) -> Option<Result<Answer, Failure>> {
    let list = many.from.as_deref()?;
    Some(run_list(machine, many, task, list))
}

fn run_list(machine: &Machine, many: &Many, task: Task, list: &Path) -> Result<Answer, Failure> {
    machine.refuse_beside_list()?;
    let rows = read(list, task)?;
    let mut out = many.out.as_deref().map(|out| open(out, list)).transpose()?;
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed)).expect("no other handler is set");
    let limit = Duration::from_secs(many.time_limit);
    let outcomes = Run { task, rows: &rows, ssh: &many.ssh, limit, stop }.all(many.jobs);
    let mut answer = report::answer(&rows, &outcomes);
    if let (Some(file), Some(path)) = (&mut out, &many.out)
        && let Err(why) = replace(file, &report::csv(&rows, &outcomes))
    {
        // The results are worth more than the file; they are printed all the same.
        note(Failure::file(path, &why));
        answer.exit = exit::ENVIRONMENT;
    }
    Ok(answer)
}

fn read(path: &Path, task: Task) -> Result<Vec<Row>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let file = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    file.map_err(|why| Failure::file(path, &why))?;
    let keys = if task == Task::InstallKey { Keys::Needed } else { Keys::Unread };
    list::read(&bytes, keys).map_err(|faults| {
        let mut lines: Vec<String> = faults.iter().take(FAULTS_MAX).map(|fault| format!("\n  {fault}")).collect();
        if let Some(more) = faults.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
            lines.push(format!("\n  and {more} more"));
        }
        let message = format!("nothing was run, because of {}:{}", path.display(), lines.concat());
        Failure::usage(message, "correct the list, and run the command again")
    })
}

/// Opens the file of the results before anything is run, and leaves what is in it until there are results.
fn open(out: &Path, list: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(out);
    let file = file.map_err(|why| Failure::file(out, &why))?;
    if fs::canonicalize(out).is_ok_and(|out| fs::canonicalize(list).is_ok_and(|list| list == out)) {
        let message = format!("the results would replace the list {}, and the keys in it", list.display());
        return Err(Failure::usage(message, "give --out another file"));
    }
    Ok(file)
}

fn replace(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl Run<'_> {
    /// Asks all, so many at the same time; the results are in the order of the list.
    fn all(&self, jobs: u16) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = self.rows.iter().map(|_| Outcome::not_asked()).collect();
        let mut progress = Progress::start(self.rows.len());
        let next = AtomicUsize::new(0);
        let (sender, results) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..usize::from(jobs).min(self.rows.len()) {
                let sender = sender.clone();
                scope.spawn(|| self.work(&next, sender));
            }
            drop(sender);
            for (place, outcome) in results {
                if let (Some(row), Some(slot)) = (self.rows.get(place), outcomes.get_mut(place)) {
                    progress.note(row, &outcome);
                    *slot = outcome;
                }
            }
        });
        progress.end();
        outcomes
    }

    /// Asks one machine after the other, as long as there are some that nobody has asked.
    fn work(&self, next: &AtomicUsize, results: mpsc::Sender<(usize, Outcome)>) {
        while !self.stop.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(row) = self.rows.get(place) else { break };
            // Whoever takes the results does so to the end.
            let _ = results.send((place, self.ask(row)));
        }
    }

    fn ask(&self, row: &Row) -> Outcome {
        let input = row.key.as_ref().map(|key| format!("{}\n", key.reveal()));
        let ended = remote::command(row, self.task, self.ssh)
            .and_then(|mut command| child::run(&mut command, input.as_deref(), self.limit, &self.stop));
        Outcome::of(row, ended)
    }
}
