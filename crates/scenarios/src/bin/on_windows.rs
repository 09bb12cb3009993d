//! The command for Windows, under Wine: a product is added, keyed, activated, renewed and released at a real host.
//!
//! `cargo xtask long windows` builds the command and starts this. Wine is no Windows: it shows that the program finds its
//! way in that system's interfaces, not how a real Windows guards its files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, ensure};
use clap::Parser;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use serde_json::Value;

const EDITION: &str = "render-farm";

/// The one function of `bcryptprimitives.dll` that Rust's library asks for, by what Wine has.
const RANDOM: &str = "#include <windows.h>\n#include <ntsecapi.h>\n\
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) \
    { return RtlGenRandom(data, (ULONG)length); }\n";

#[derive(Debug, Parser)]
struct Arguments {
    /// The command for Windows
    program: PathBuf,
}

/// The command in a Windows of its own.
struct Windows {
    program: PathBuf,
    /// Wine's idea of a machine: registry and drive C.
    prefix: PathBuf,
    host: String,
}

fn main() -> ExitCode {
    let Err(error) = run(&Arguments::parse()) else { return ExitCode::SUCCESS };
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let root = directory.path();
    let (authority, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0)?;
    let mut host = Host::new(root, 0)?;
    host.add_publisher(root, "aurora")?;
    let key = authority.mint_host_key("render-2026", &["--pool", &format!("{EDITION}=2")])?;
    host.run(&["install-key"], &key)?;
    host.run(&["activate"], "")?;
    host.start()?;
    let (prefix, program) = (root.join("wine"), installed(&arguments.program, root)?);
    let windows = Windows { program, prefix, host: host.address.to_string() };
    use_it(&windows, root, &setup_key(&authority)?)?;
    let listed = host.run(&["status"], "")?.join("\n");
    tell(&format!("the host says:\n{listed}"))
}

/// Copies the program to a directory of its own, beside the one library of Windows that Wine 8 does not have.
fn installed(program: &Path, root: &Path) -> anyhow::Result<PathBuf> {
    let directory = root.join("programs");
    std::fs::create_dir(&directory)?;
    std::fs::write(directory.join("random.c"), RANDOM)?;
    let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
    compiler.current_dir(&directory).args(["-shared", "-o", "bcryptprimitives.dll", "random.c", "-ladvapi32"]);
    ensure!(compiler.status().context("cannot start the compiler for Windows")?.success(), "cannot make the library");
    let installed = directory.join("keymuster.exe");
    std::fs::copy(program, &installed).with_context(|| format!("cannot copy {}", program.display()))?;
    Ok(installed)
}

fn use_it(windows: &Windows, root: &Path, setup_key: &str) -> anyhow::Result<()> {
    let file = |suffix: &str| on_drive_z(&root.join(format!("aurora.{suffix}")));
    windows.run(&["add", "--trust", &file("trust"), "--pack", &file("pack"), EDITION], 0)?;
    windows.run(&["status"], 4)?;
    windows.run(&["install-key", setup_key], 0)?;
    windows.run(&["doctor"], 3)?;
    windows.run(&["activate"], 0)?;
    let status = windows.run(&["--json", "status"], 0)?;
    ensure!(status.to_string().contains("\"licensed\""), "the product is not licensed: {status}");
    windows.run(&["renew"], 0)?;
    // Whoever has no entry for a service finds its codes explained all the same, without a network.
    windows.run(&["explain", "KM-201"], 0)?;
    let store = windows.prefix.join("drive_c/users");
    ensure!(store.exists(), "the store is not on Wine's drive C");
    windows.run(&["release"], 0)?;
    windows.run(&["status"], 4)?;
    // An administrator makes the machine's own store, and from then on it counts.
    std::fs::create_dir(windows.prefix.join("drive_c/ProgramData/keymuster"))?;
    windows.run(&["add", "--trust", &file("trust"), "--pack", &file("pack"), EDITION], 0)?;
    ensure!(windows.prefix.join("drive_c/ProgramData/keymuster/aurora/identity").exists(), "ProgramData is not used");
    Ok(())
}

fn setup_key(authority: &Authority) -> anyhow::Result<String> {
    let keys: Value = serde_json::from_str(&authority.run(&["--json", "catalogue", "keys"])?.join("\n"))?;
    let of_edition = keys.as_array().and_then(|keys| keys.iter().find(|key| key["edition"] == EDITION));
    let key = of_edition.and_then(|key| key["setup_key"].as_str());
    Ok(key.context("the catalogue has no such edition")?.to_owned())
}

impl Windows {
    /// Runs the command, which must end with this exit code, and returns what it printed as JSON, or as text.
    fn run(&self, words: &[&str], exit: i32) -> anyhow::Result<Value> {
        let mut command = Command::new("wine");
        command.arg(&self.program).args(words).env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all");
        // The way to the host stands in the environment, as an administrator would distribute it.
        command.env("KEYMUSTER_HOST", &self.host).env_remove("DISPLAY");
        let output = command.stdin(Stdio::null()).output().context("cannot start wine: apt-get install wine64")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        tell(&format!("C:\\> keymuster {}\n{text}{}", words.join(" "), String::from_utf8_lossy(&output.stderr)))?;
        ensure!(output.status.code() == Some(exit), "it ended with {}, not with {exit}", output.status);
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// Where Wine shows the files of this machine.
fn on_drive_z(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

fn tell(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write to standard output")
}
