//! `keymuster microsoft events`: event logs of hosts and clients, and what they say together.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use keymuster_microsoft::events::{FileRead, Ledger, Products, ReadFailed, Report, read, show};

use crate::answer::Answer;
use crate::exit;
use crate::failure::Failure;

/// Options of `microsoft events`. Exit codes: 0 nothing is wrong; 1 something should be looked at; 3 a file cannot be read
/// or written; 5 a file is no event log, or was not understood whole.
#[derive(Debug, Args)]
pub struct Options {
    /// Event logs, and folders of them: .evtx files, and exports as XML or CSV.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print every machine as CSV instead of the report.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Write the report as a page with charts, which needs nothing but a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write metrics as a text file for Prometheus.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// Names of products by activation id, as `Get-CimInstance SoftwareLicensingProduct | Select-Object ID,Name |
    /// Export-Csv` writes them on any machine of the estate; Microsoft publishes no such list.
    #[arg(long, value_name = "FILE")]
    products: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<Answer, Failure> {
    let products = options.products.as_deref().map_or_else(|| Ok(Products::default()), products)?;
    let mut ledger = Ledger::default();
    let mut bar = Bar { is_terminal: io::stderr().is_terminal(), shown: None };
    let files = read(&options.files, &mut ledger, &mut |done, total| bar.draw(done, total));
    bar.clear();
    let report = Report::new(ledger, files.map_err(failed)?, &products);
    if let Some(strange) = report.files.iter().find(|file| !file.is_log()) {
        return Err(Failure::not_valid(no_log(strange), "give .evtx files, or exports as XML or CSV"));
    }
    if let Some(path) = &options.html {
        write(path, &show::html(&report))?;
    }
    if let Some(path) = &options.prometheus {
        write(path, &show::prometheus(&report))?;
    }
    let text = if options.csv { show::machines_csv(&report) } else { show::table(&report) };
    let mut answer = Answer::new(text, show::json(&report));
    answer.exit = match (report.is_damaged(), report.findings.is_empty()) {
        (true, _) => exit::INVALID,
        (false, false) => exit::WARNING,
        (false, true) => exit::OK,
    };
    Ok(answer)
}

fn products(path: &Path) -> Result<Products, Failure> {
    let file = File::open(path).map_err(|why| Failure::file(path, &why))?;
    let products = Products::read(file).map_err(|why| Failure::file(path, &why))?;
    let message = || format!("{} has no columns ID and Name", path.display());
    let advice = "on a machine of the estate: Get-CimInstance SoftwareLicensingProduct | Select-Object ID,Name | \
                  Export-Csv -NoTypeInformation products.csv";
    products.ok_or_else(|| Failure::not_valid(message(), advice))
}

fn failed(error: ReadFailed) -> Failure {
    match &error {
        ReadFailed::Io { path, why } => Failure::file(path, why),
        ReadFailed::EmptyFolder { .. } => Failure::usage(error.to_string(), "name the files themselves"),
    }
}

fn no_log(file: &FileRead) -> String {
    let path = file.path.display();
    if file.is_cut {
        format!("{path} is no whole event log: it ends before its first event")
    } else if file.damaged > 0 {
        format!("{path} is no event log, or too damaged: none of {} pieces was understood", file.damaged)
    } else {
        format!("{path} is no event log: no event is in it")
    }
}

/// Writes a file as a whole or not at all, so that nobody reads half of it.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let begun = path.with_file_name(name);
    let written = fs::write(&begun, text).and_then(|()| fs::rename(&begun, path));
    written.map_err(|why| {
        let _ = fs::remove_file(&begun);
        Failure::file(path, &why)
    })
}

/// How far the reading has come, on a terminal.
struct Bar {
    is_terminal: bool,
    shown: Option<u64>,
}

impl Bar {
    const WIDTH: u64 = 40;

    fn draw(&mut self, done: u64, total: u64) {
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        if !self.is_terminal || self.shown == Some(percent) {
            return;
        }
        self.shown = Some(percent);
        let filled = usize::try_from(percent * Bar::WIDTH / 100).unwrap_or_default();
        let empty = usize::try_from(Bar::WIDTH).unwrap_or_default().saturating_sub(filled);
        self.print(&format!(
            "\r[{}{}] {percent:3} % of {} MB",
            "#".repeat(filled),
            ".".repeat(empty),
            total / 1_000_000
        ));
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            self.print(&format!("\r{:70}\r", ""));
        }
    }

    /// Nobody has to watch.
    fn print(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}
