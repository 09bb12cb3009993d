//! Rules on what depends on what: the crates and their edges, where asynchronous code may live, how big the trees are.
//!
//! Edges come from the manifests; trees from `cargo tree`, which resolves each program with its own features.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Finding, Source};
use crate::process::{cargo, output};

/// A crate of the workspace: what it may depend on, and how big the tree below it may grow.
struct Crate {
    name: &'static str,
    /// Which others of the workspace it may use; development crates may use all.
    edges: Edges,
    may_be_async: bool,
    /// The most packages in its tree, itself included.
    packages_max: Option<usize>,
}

enum Edges {
    To(&'static [&'static str]),
    All,
}

const CORE: &str = "keymuster-core";
const CLIENT: &str = "keymuster-client";
const SERVICE: &str = "keymuster-service";
const HOST: &str = "keymuster-host";
const AUTHORITY: &str = "keymuster-authority";
const QR: &str = "keymuster-qr";
const MICROSOFT: &str = "keymuster-microsoft";

/// Every crate there is. A new one is a decision, so it begins with a line here (and in ARCHITECTURE.md).
const CRATES: [Crate; 10] = [
    Crate { name: CORE, edges: Edges::To(&[]), may_be_async: false, packages_max: None },
    Crate { name: CLIENT, edges: Edges::To(&[CORE]), may_be_async: false, packages_max: Some(60) },
    Crate { name: SERVICE, edges: Edges::To(&[CORE, QR]), may_be_async: true, packages_max: None },
    Crate { name: QR, edges: Edges::To(&[CORE]), may_be_async: false, packages_max: Some(100) },
    Crate { name: HOST, edges: Edges::To(&[CORE, SERVICE, QR]), may_be_async: true, packages_max: Some(310) },
    Crate { name: AUTHORITY, edges: Edges::To(&[CORE, SERVICE, QR]), may_be_async: true, packages_max: Some(310) },
    Crate { name: MICROSOFT, edges: Edges::To(&[]), may_be_async: false, packages_max: None },
    Crate {
        name: "keymuster",
        edges: Edges::To(&[CORE, CLIENT, QR, MICROSOFT]),
        may_be_async: false,
        packages_max: None,
    },
    Crate { name: "keymuster-scenarios", edges: Edges::All, may_be_async: true, packages_max: None },
    Crate { name: "xtask", edges: Edges::All, may_be_async: true, packages_max: None },
];

/// Not even tests connect these two: what one sends the other is fixed by the specification alone.
const NEVER: [(&str, &str); 2] = [(HOST, AUTHORITY), (AUTHORITY, HOST)];

/// Everything that `core` may use from outside. None of these reads a clock, a file or a random number.
const CORE_USES: [&str; 3] = ["ed25519-dalek", "minicbor", "sha2"];

const ASYNC: [&str; 3] = ["axum", "hyper", "tokio"];

/// One package of the workspace, as its manifest declares it.
struct Manifest {
    name: String,
    /// Relative to the root.
    path: String,
    uses: Vec<Use>,
}

struct Use {
    name: String,
    is_for_tests: bool,
}

/// Checks manifests and trees, and returns the sizes of the trees that have a limit, for the report.
pub fn check(sources: &[Source], findings: &mut Vec<Finding>) -> Result<String> {
    let manifests = manifests()?;
    findings.extend(check_edges(&manifests, sources));
    let mut sizes = Vec::new();
    for known in &CRATES {
        let Some(manifest) = manifests.iter().find(|manifest| manifest.name == known.name) else { continue };
        let tree = tree(known.name)?;
        findings.extend(check_tree(known, manifest, &tree));
        if let Some(packages_max) = known.packages_max {
            sizes.push(format!("{} {} of {packages_max}", known.name, tree.len()));
        }
    }
    Ok(format!("packages: {}", sizes.join(", ")))
}

fn manifests() -> Result<Vec<Manifest>> {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let root = metadata["workspace_root"].as_str().context("cargo metadata names no root")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    packages.iter().map(|package| manifest(package, root)).collect()
}

fn manifest(package: &Value, root: &str) -> Result<Manifest> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata has an unknown form");
    let path = text(&package["manifest_path"])?;
    let mut uses = Vec::new();
    for dependency in package["dependencies"].as_array().context("cargo metadata lists no dependencies")? {
        uses.push(Use { name: text(&dependency["name"])?, is_for_tests: dependency["kind"] == "dev" });
    }
    let path = path.strip_prefix(root).unwrap_or(&path).trim_start_matches('/').to_owned();
    Ok(Manifest { name: text(&package["name"])?, path, uses })
}

/// The distinct packages, with their versions, that a crate is built from on this machine.
fn tree(name: &str) -> Result<BTreeSet<String>> {
    let arguments =
        ["tree", "--locked", "--package", name, "--edges", "normal,build", "--prefix", "none", "--no-dedupe"];
    Ok(output(&mut cargo(&arguments))?.lines().map(name_and_version).collect())
}

/// `serde v1.0.2 (proc-macro)` without what follows the version.
fn name_and_version(line: &str) -> String {
    line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")
}

fn check_edges(manifests: &[Manifest], sources: &[Source]) -> Vec<Finding> {
    let is_ours = |name: &str| manifests.iter().any(|manifest| manifest.name == name);
    let mut findings = Vec::new();
    for manifest in manifests {
        let Some(known) = CRATES.iter().find(|known| known.name == manifest.name) else {
            findings.push(finding(
                manifest,
                1,
                format!(
                    "{} is not in the list of crates: make it a module, or add it to xtask/src/tidy/crates.rs",
                    manifest.name
                ),
            ));
            continue;
        };
        for used in &manifest.uses {
            if let Some(message) = forbidden(known, used, is_ours(&used.name)) {
                findings.push(finding(manifest, line_of(manifest, used, sources), message));
            }
        }
    }
    findings
}

/// Why a crate may not use another, if it may not.
fn forbidden(known: &Crate, used: &Use, is_ours: bool) -> Option<String> {
    let (from, to) = (known.name, used.name.as_str());
    if NEVER.contains(&(from, to)) {
        return Some(format!(
            "{from} and {to} never depend on each other, in tests neither: move the test to scenarios"
        ));
    }
    if used.is_for_tests {
        return None;
    }
    let is_allowed = match known.edges {
        Edges::All => true,
        Edges::To(names) if is_ours => names.contains(&to),
        Edges::To(_) => from != CORE || CORE_USES.contains(&to),
    };
    (!is_allowed).then(|| format!("{from} may not depend on {to}: see the allowed edges in xtask/src/tidy/crates.rs"))
}

fn check_tree(known: &Crate, manifest: &Manifest, tree: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names = tree.iter().filter_map(|package| package.split(' ').next());
    for name in names.filter(|name| ASYNC.contains(name) && !known.may_be_async) {
        let message =
            format!("{name} is in the tree of {}, which blocks: `cargo tree -p {0} -i {name}` shows how", known.name);
        findings.push(finding(manifest, 1, message));
    }
    if let Some(packages_max) = known.packages_max.filter(|packages_max| tree.len() > *packages_max) {
        let message = format!(
            "the tree of {} has {} packages, {packages_max} are allowed: `cargo tree -p {0} -e normal,build` lists them",
            known.name,
            tree.len()
        );
        findings.push(finding(manifest, 1, message));
    }
    findings
}

fn finding(manifest: &Manifest, line: usize, message: String) -> Finding {
    Finding { path: manifest.path.clone(), line, message }
}

/// Where the manifest declares a dependency; its first line if that cannot be seen.
fn line_of(manifest: &Manifest, used: &Use, sources: &[Source]) -> usize {
    let text = sources.iter().find(|source| source.path == manifest.path).map_or("", |source| source.text.as_str());
    let is_declaration = |line: &str| {
        let rest = line.trim_start_matches("[dependencies.").strip_prefix(&used.name);
        rest.is_some_and(|rest| rest.starts_with([' ', '.', '=', ']']))
    };
    (1..).zip(text.lines()).find(|(_, line)| is_declaration(line)).map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str], test_uses: &[&str]) -> Manifest {
        let all = uses.iter().map(|name| (name, false)).chain(test_uses.iter().map(|name| (name, true)));
        let uses = all.map(|(name, is_for_tests)| Use { name: (*name).to_owned(), is_for_tests }).collect();
        Manifest { name: name.to_owned(), path: format!("crates/{name}/Cargo.toml"), uses }
    }

    #[test]
    fn edges() {
        let table: &[(&str, &[&str], &[&str], usize)] = &[
            (CORE, &CORE_USES, &["proptest", CLIENT], 0),
            (CORE, &["ed25519-dalek", "serde"], &[], 1),
            (CORE, &[CLIENT], &[], 1),
            (CLIENT, &[CORE, "ureq"], &[HOST], 0),
            (CLIENT, &[SERVICE, HOST], &[], 2),
            (SERVICE, &[CORE, QR, "axum"], &[], 0),
            (QR, &[CORE, "clap"], &[], 0),
            (QR, &[CLIENT, SERVICE], &[], 2),
            (CLIENT, &[QR], &[], 1),
            (HOST, &[CORE, SERVICE, QR], &["tempfile"], 0),
            (HOST, &[CLIENT], &[], 1),
            (HOST, &[], &[AUTHORITY], 1),
            (AUTHORITY, &[HOST], &[], 1),
            ("keymuster", &[CORE, CLIENT, QR, MICROSOFT], &[], 0),
            (MICROSOFT, &["csv"], &["proptest"], 0),
            (MICROSOFT, &[CORE], &[], 1),
            (HOST, &[MICROSOFT], &[], 1),
            ("keymuster", &[SERVICE], &[], 1),
            ("keymuster-scenarios", &[CORE, CLIENT, SERVICE, HOST, AUTHORITY], &[], 0),
            ("keymuster-extra", &[], &[], 1),
        ];
        let others = || CRATES.iter().map(|known| package(known.name, &[], &[]));
        for (name, uses, test_uses, expected) in table {
            let mut manifests: Vec<Manifest> = others().filter(|other| other.name != *name).collect();
            manifests.push(package(name, uses, test_uses));
            let found = check_edges(&manifests, &[]);
            assert_eq!(found.len(), *expected, "{name} with {uses:?} and {test_uses:?}: {found:?}");
        }
    }

    #[test]
    fn an_edge_is_found_in_its_manifest() {
        let path = format!("crates/{CORE}/Cargo.toml");
        let text = "[package]\nname = \"x\"\n\n[dependencies]\nserde_json = \"1\"\nserde.workspace = true\n".to_owned();
        let found = check_edges(&[package(CORE, &["serde"], &[])], &[Source { path, text }]);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn trees() {
        let tree_of =
            |packages: &[&str]| -> BTreeSet<String> { packages.iter().map(|line| name_and_version(line)).collect() };
        let numbered = |count: usize| (0..count).map(|number| format!("p{number} v1")).collect::<BTreeSet<_>>();
        let table = [
            (CLIENT, tree_of(&["ureq v3", "tokio-util v1"]), 0),
            (CLIENT, tree_of(&["tokio v1.54.1", "hyper v1.12.0 (*)"]), 2),
            (HOST, tree_of(&["tokio v1.54.1", "axum v0.8.9"]), 0),
            (CLIENT, numbered(60), 0),
            (CLIENT, numbered(61), 1),
            (AUTHORITY, numbered(310), 0),
            (AUTHORITY, numbered(311), 1),
            (CLIENT, tree_of(&["serde v1.0.2", "serde v1.0.2 (proc-macro)", "serde v1.0.2 (*)"]), 0),
        ];
        for (name, tree, expected) in table {
            let known = CRATES.iter().find(|known| known.name == name).expect("the table names known crates");
            let found = check_tree(known, &package(name, &[], &[]), &tree);
            assert_eq!(found.len(), expected, "{name} with {tree:?}: {found:?}");
        }
        assert_eq!(name_and_version("keymuster-core v0.1.0 (/a b/core)"), "keymuster-core v0.1.0");
    }
}
