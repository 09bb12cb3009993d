//! Rules on links in Markdown: what a relative link points to is there, and so is the heading after the `#`.
//!
//! Links to other sites are not looked up: the gate needs no network.

use std::collections::BTreeMap;

use super::{Finding, Source};

/// Checks all Markdown files; `exists` tells whether a path, relative to the root, is in the tree.
pub fn check(sources: &[Source], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let pages: Vec<&Source> = sources.iter().filter(|source| source.extension() == "md").collect();
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.iter().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    let mut findings = Vec::new();
    for page in pages {
        for (line, target) in links(&page.text) {
            let (file, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let Some(path) = resolve(&page.path, file) else {
                findings.push(page.finding(line, format!("`{target}` points out of the tree: link to a file inside")));
                continue;
            };
            if !exists(&path) {
                findings.push(page.finding(line, format!("`{target}` points to nothing: there is no {path}")));
                continue;
            }
            let is_missing = |anchors: &Vec<String>| !anchor.is_empty() && !anchors.iter().any(|known| known == anchor);
            if anchors.get(path.as_str()).is_some_and(is_missing) {
                findings.push(page.finding(line, format!("`{target}` points to no heading of {path}")));
            }
        }
    }
    findings
}

/// The path that a link means, relative to the root; none if it leaves the tree.
fn resolve(page: &str, file: &str) -> Option<String> {
    if file.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = if file.starts_with('/') { Vec::new() } else { page.split('/').collect() };
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Lines outside code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of relative links, inline `[text](target)` and by reference `[text]: target`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
        let targets = inline.chain(reference).filter(|target| !is_absolute(target));
        links.extend(targets.map(|target| (number, target.to_owned())));
    }
    links
}

fn is_absolute(target: &str) -> bool {
    ["http:", "https:", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

/// The line without what stands between backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchors that a renderer makes of the headings: lower case, blanks to dashes, other punctuation dropped.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let is_kept = |letter: &char| letter.is_alphanumeric() || ['-', '_', ' '].contains(letter);
        let base = title.trim().to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let twins = anchors.iter().filter(|anchor| **anchor == base).count();
        anchors.push(base.clone());
        if twins > 0 {
            anchors.push(format!("{base}-{twins}"));
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::Source;

    #[test]
    fn links() {
        let table: &[(&str, &[usize])] = &[
            ("[a](spec/keys.md) and [b](../README.md)\n", &[]),
            ("[a](spec)\n", &[]),
            ("[a](spec/lost.md)\n", &[1]),
            ("fine\n[a](/docs/spec/keys.md) ![b](/lost.png)\n", &[2]),
            ("[a](../../elsewhere.md)\n", &[1]),
            ("[a](https://example.com/lost) [b](mailto:a@example.com)\n", &[]),
            ("[a](spec/keys.md#the-code-rs-25-22)\n", &[]),
            ("[a](spec/keys.md#lost)\n", &[1]),
            ("# Top\n[a](#top) [b](#again)\n## Again\n", &[]),
            ("# Twice\n# Twice\n[a](#twice) [b](#twice-1) [c](#twice-2)\n", &[3]),
            ("[a](#no-heading)\n```\n# no heading\n```\n", &[1]),
            ("`[a](lost.md)`\n```\n[a](lost.md)\n```\n", &[]),
            ("[a]: spec/keys.md\n[b]: lost.md\n", &[2]),
        ];
        for (text, expected) in table {
            let page = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
            let sources = [
                page("docs/a.md", text),
                page("docs/spec/keys.md", "## The code: RS [25, 22]\n"),
                page("README.md", ""),
            ];
            let exists = |path: &str| path == "docs/spec" || sources.iter().any(|source| source.path == path);
            let found: Vec<usize> = check(&sources, exists).into_iter().map(|finding| finding.line).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }
}
