//! `cargo xtask tidy`: the house rules that no compiler checks. A finding names the place and the way out.
//!
//! Each rule is a function from a path and its text (or from what cargo says) to findings; only this file reads anything.

mod budgets;
mod crates;
mod links;
mod sql;
mod text;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::fuzz;
use crate::process::{output, program, root};

/// One broken rule, at one place.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// One text file of the tree; the path is relative to the root.
pub struct Source {
    path: String,
    text: String,
}

impl Source {
    fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|extension| extension.to_str()).unwrap_or("")
    }

    fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

/// Checks the whole tree.
pub fn run() -> Result<()> {
    let root = root();
    let sources = sources(&root)?;
    let mut findings: Vec<Finding> = sources.iter().flat_map(check_source).collect();
    findings.extend(links::check(&sources, |path| root.join(path).exists()));
    findings.extend(unlisted_fuzz_targets(&sources, &fuzz::targets()?));
    findings.extend(lost_lint_settings(&sources));
    let trees = crates::check(&sources, &mut findings)?;

    for finding in &findings {
        eprintln!("{finding}");
    }
    ensure!(findings.is_empty(), "tidy found {} broken rules in {} files", findings.len(), sources.len());
    eprintln!("tidy: {} files; {trees}", sources.len());
    Ok(())
}

/// The rules that look at one file alone.
fn check_source(source: &Source) -> Vec<Finding> {
    let mut findings = text::check(source);
    findings.extend(sql::check(source));
    findings.extend(budgets::check(source));
    findings
}

/// All text files that are in the repository or would be after `git add`.
fn sources(root: &Path) -> Result<Vec<Source>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    let listing = output(&mut program("git", &arguments))?;
    let mut sources = Vec::new();
    for path in listing.split_terminator('\0') {
        // A file that was deleted but not committed yet is still listed.
        let Some(bytes) = read_if_there(&root.join(path))? else { continue };
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source { path: path.to_owned(), text });
        }
    }
    Ok(sources)
}

fn read_if_there(path: &PathBuf) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::anyhow!("could not read {}: {error}", path.display())),
    }
}

/// A target that the manifest does not name is never built, and nobody would notice.
fn unlisted_fuzz_targets(sources: &[Source], targets: &[String]) -> Vec<Finding> {
    let stem = |source: &Source| Some(source.path.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs")?.to_owned());
    let is_unlisted = |source: &&Source| stem(source).is_some_and(|stem| !targets.contains(&stem));
    let message = format!("this target is not built: add a [[bin]] with its name to {}", fuzz::MANIFEST);
    sources.iter().filter(is_unlisted).map(|source| source.finding(1, message.clone())).collect()
}

/// A crate's own `clippy.toml` replaces the one in the root instead of adding to it.
fn lost_lint_settings(sources: &[Source]) -> Vec<Finding> {
    let Some(base) = sources.iter().find(|source| source.path == "clippy.toml") else { return Vec::new() };
    let settings = || base.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with("/clippy.toml")) {
        let lost = settings().filter(|setting| !source.text.lines().any(|line| line == *setting));
        findings.extend(lost.map(|setting| source.finding(1, format!("repeat `{setting}` of the root's clippy.toml"))));
    }
    findings
}

/// What the tests of all rules use: the lines of the findings for one text.
#[cfg(test)]
fn lines_found(check: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    check(&source).into_iter().map(|finding| finding.line).collect()
}

#[cfg(test)]
mod tests {
    use super::{Finding, Source, lost_lint_settings, unlisted_fuzz_targets};

    #[test]
    fn a_finding_can_be_clicked() {
        let finding = Finding { path: "a/b.rs".into(), line: 7, message: "too long".into() };
        assert_eq!(finding.to_string(), "a/b.rs:7: too long");
    }

    #[test]
    fn fuzz_targets_are_listed() {
        let source = |path: &str| Source { path: path.into(), text: String::new() };
        let sources =
            [source("fuzz/fuzz_targets/known.rs"), source("fuzz/fuzz_targets/lost.rs"), source("src/lost.rs")];
        let found = unlisted_fuzz_targets(&sources, &["known".to_owned()]);
        assert_eq!(
            found.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(),
            ["fuzz/fuzz_targets/lost.rs"]
        );
    }

    #[test]
    fn lint_settings_are_repeated() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let base = "# Why.\na = true\nb = 5\n";
        for (own, expected) in [("b = 5\na = true\nc = []\n", 0), ("a = true\nb = 6\n", 1), ("", 2)] {
            let found = lost_lint_settings(&[source("clippy.toml", base), source("crates/core/clippy.toml", own)]);
            assert_eq!(found.len(), expected, "{own:?}");
        }
    }
}
