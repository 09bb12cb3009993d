//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage instrumentation and runs each for a while.
//!
//! This is what `cargo fuzz -s none` does, on the stable toolchain and without that tool; the layout is its own, so that
//! it works too.
//! The corpus is kept in `target/fuzz/corpus`: the next run goes on where this one ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{cargo, output, program, root, run as run_command};

/// The manifest of the workspace that holds the targets.
pub const MANIFEST: &str = "fuzz/Cargo.toml";

/// Makes the compiler count edges and record comparisons where libFuzzer looks for them. `cfg(fuzzing)` is what
/// cargo-fuzz sets as well.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// An input that takes longer is a finding: whoever sends it could stop a host.
const HANG_SECS: u32 = 1;

/// More memory than any parser of ours has reason to take.
const MEMORY_MAX_MIB: u32 = 512;

#[derive(clap::Args)]
pub struct Options {
    /// Run only this target
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Print the names of the targets and stop
    #[arg(long)]
    list: bool,
}

impl Options {
    /// Every target, each for so many seconds.
    pub fn every_target_for(seconds: u32) -> Options {
        Options { target: None, seconds, list: false }
    }
}

pub fn run(options: &Options) -> Result<()> {
    let mut targets = targets()?;
    if options.list {
        targets.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    if let Some(wanted) = &options.target {
        let known = targets.join(", ");
        targets.retain(|target| target == wanted);
        ensure!(!targets.is_empty(), "no fuzz target named {wanted}: there are {known}");
    }
    let programs = build()?;
    for target in targets {
        eprintln!("fuzz: {target} for {} s ...", options.seconds);
        let summary = run_target(&target, &programs, options.seconds)?;
        eprintln!("fuzz: {target}: {summary}");
    }
    Ok(())
}

/// The names of all targets, as the manifest has them.
pub fn targets() -> Result<Vec<String>> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--manifest-path", MANIFEST];
    let metadata: Value = serde_json::from_str(&output(&mut cargo(&arguments))?)?;
    let binaries = metadata["packages"][0]["targets"].as_array().context("the fuzz package has no targets")?;
    Ok(binaries.iter().filter_map(|target| target["name"].as_str()).map(str::to_owned).collect())
}

/// Builds all targets and returns the directory they are in.
fn build() -> Result<PathBuf> {
    let version = output(&mut program("rustc", &["-vV"]))?;
    let triple = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    // With a target given, even if it is the host, the flags do not reach build scripts and procedural macros.
    let arguments = ["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir", "target/fuzz"];
    run_command(cargo(&arguments).args(["--target", triple]).env("RUSTFLAGS", COVERAGE))?;
    Ok(root().join("target/fuzz").join(triple).join("release"))
}

fn run_target(target: &str, programs: &Path, seconds: u32) -> Result<String> {
    let work = root().join("target/fuzz");
    let corpus = work.join("corpus").join(target);
    let artifacts = work.join("artifacts").join(target);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let log = work.join(format!("{target}.log"));
    let log_file = fs::File::create(&log)?;

    let binary = programs.join(target);
    let status = program(&binary, &[])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={HANG_SECS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MAX_MIB}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(corpus)
        .stdout(Stdio::null())
        .stderr(log_file)
        .status()
        .with_context(|| format!("could not start {}", binary.display()))?;
    let written = fs::read(&log)?;
    let text = String::from_utf8_lossy(&written);
    if !status.success() {
        let (verdict, log, binary) = (verdict(&text), log.display(), binary.display());
        bail!("{target} failed: {status}\n{verdict}\nthe whole log is {log}; to run one input again: {binary} FILE");
    }
    summary(&text).with_context(|| format!("{target} ran nothing, so it proves nothing: see {}", log.display()))
}

/// libFuzzer's last word: how often it ran the target.
fn summary(log: &str) -> Option<String> {
    let done = log.lines().rev().find_map(|line| line.strip_prefix("Done "))?;
    if done.starts_with("0 runs") { None } else { Some(done.to_owned()) }
}

/// What a log says of a finding: the panic with its message, libFuzzer's verdict, and the file with the input.
fn verdict(log: &str) -> String {
    let mut lines = log.lines();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        if line.contains(" panicked at ") {
            kept.extend([Some(line), lines.next()].into_iter().flatten());
        } else if line.starts_with("SUMMARY: ") || line.contains("Test unit written to ") {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{summary, verdict};

    #[test]
    fn a_run_without_executions_is_no_result() {
        assert_eq!(summary("INFO: x\nDone 4711 runs in 10 second(s)\n").as_deref(), Some("4711 runs in 10 second(s)"));
        assert_eq!(summary("Done 0 runs in 10 second(s)\n"), None);
        assert_eq!(summary("INFO: x\n"), None);
    }

    #[test]
    fn a_verdict_is_short() {
        let log = "INFO: x\nthread '<unnamed>' panicked at a.rs:1:2:\ncanary\n  0: frame\nSUMMARY: libFuzzer: deadly signal\n\
            0x61,0x62\nartifact_prefix='x/'; Test unit written to x/crash-1\nBase64: YWI=\n";
        let expected = "thread '<unnamed>' panicked at a.rs:1:2:\ncanary\nSUMMARY: libFuzzer: deadly signal\n\
            artifact_prefix='x/'; Test unit written to x/crash-1";
        assert_eq!(verdict(log), expected);
        assert_eq!(verdict("killed\n"), "");
    }
}
