//! `keymuster microsoft convert`: commands and scripts that take machines from a MAK to KMS, or back.
//!
//! It writes to the file or directory that is named, and to nothing that exists.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use keymuster_microsoft::convert::{self, Direction, KmsHost, Machine, Tool, UPK_CAUTION};
use keymuster_microsoft::keys::{self, Kind, SetupKey};
use serde_json::{Value, json};

use super::input;
use crate::answer::Answer;
use crate::failure::Failure;

/// Options of `microsoft convert`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the machines are to go.
    #[arg(long)]
    to: To,
    /// The product and edition, such as `windows 10 enterprise`; not with --from.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    product: Vec<String>,
    /// A list of machines: CSV with the columns machine, product and, where needed, host; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The KMS host to name on the machines, as NAME or NAME:PORT; without it, DNS says.
    #[arg(long, value_name = "HOST")]
    kms: Option<String>,
    /// With --from: write one script for each machine into this directory, which is made.
    #[arg(long, value_name = "DIRECTORY", requires = "from")]
    out: Option<PathBuf>,
    /// With --from: write one PowerShell script for a deployment tool, which finds each machine by its name.
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with = "out")]
    script: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// To a KMS host, with the public setup key.
    Kms,
    /// To a MAK, which scripts take from a variable, as it is a secret.
    Mak,
}

pub fn run(options: &Options) -> Result<Answer, Failure> {
    let direction = match options.to {
        To::Kms => Direction::ToKms,
        To::Mak => Direction::ToMak,
    };
    let host = options.kms.as_deref().map(str::parse::<KmsHost>).transpose();
    let host = host.map_err(|why| Failure::usage(why, "name the host as it stands in DNS: --kms kms.example"))?;
    match &options.from {
        None => Ok(commands(direction, edition(&options.product.join(" "))?, host.as_ref())),
        Some(file) => {
            let machines = machines(file)?;
            scripts(options, direction, &machines, host.as_ref())
        }
    }
}

fn edition(words: &str) -> Result<&'static SetupKey, Failure> {
    keys::pick(words).map_err(|equal| match equal.as_slice() {
        [] => {
            let message = format!("there is no setup key for {words:?}");
            Failure::refused(message, format!("try one of: {}", keys::suggestions(words).join("; ")))
        }
        several => {
            let names: Vec<String> = several.iter().take(6).map(|key| key.name()).collect();
            Failure::refused(format!("{words:?} may be several editions"), format!("name one: {}", names.join("; ")))
        }
    })
}

fn commands(direction: Direction, key: &SetupKey, host: Option<&KmsHost>) -> Answer {
    let mut text = format!("{}\n", key.name());
    let mut tools = Vec::new();
    for tool in Tool::of(key) {
        let steps = convert::steps(*tool, direction, key, host);
        let comment = if *tool == Tool::OsLicense { "#" } else { "rem" };
        let _ = writeln!(text, "\nBy {}:", tool.title());
        for step in &steps {
            let _ = writeln!(text, "  {comment} {}\n  {}", step.why, step.command);
        }
        let steps: Vec<Value> = steps.iter().map(|step| json!({ "why": step.why, "command": step.command })).collect();
        tools.push(json!({ "tool": tool.title(), "steps": steps }));
    }
    let kind = match direction {
        Direction::ToKms => Kind::Setup,
        Direction::ToMak => Kind::Mak,
    };
    let _ = write!(text, "\nCaution: {UPK_CAUTION}.\n{}: {};\n  {}.\n", kind.name(), kind.belongs(), kind.never());
    Answer::new(text, json!({ "product": key.name(), "tools": tools, "caution": UPK_CAUTION, "never": kind.never() }))
}

fn machines(file: &Path) -> Result<Vec<Machine>, Failure> {
    convert::read(&input::of(file)?).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", file.display())).collect();
        let message = format!("the list has faults, and nothing was written:\n  {}", lines.join("\n  "));
        Failure::usage(message, "correct the list: columns machine, product and, where needed, host")
    })
}

fn scripts(
    options: &Options,
    direction: Direction,
    machines: &[Machine],
    host: Option<&KmsHost>,
) -> Result<Answer, Failure> {
    let count = machines.len();
    if let Some(directory) = &options.out {
        fs::create_dir_all(directory).map_err(|why| Failure::file(directory, &why))?;
        for machine in machines {
            write(&directory.join(convert::file_name(machine)), &convert::cmd(machine, direction, host))?;
        }
        let text = format!("{count} scripts are in {}.\nCaution: {UPK_CAUTION}.", directory.display());
        return Ok(Answer::new(text, json!({ "machines": count, "directory": directory, "caution": UPK_CAUTION })));
    }
    let script = convert::powershell(machines, direction, host);
    match &options.script {
        Some(file) => {
            write(file, &script)?;
            let text = format!("The script for {count} machines is {}.\nCaution: {UPK_CAUTION}.", file.display());
            Ok(Answer::new(text, json!({ "machines": count, "file": file, "caution": UPK_CAUTION })))
        }
        None => Ok(Answer::new(script.clone(), json!({ "machines": count, "script": script, "caution": UPK_CAUTION }))),
    }
}

/// Nothing that exists is written over.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let written = fs::File::create_new(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|why| Failure::file(file, &why))
}
