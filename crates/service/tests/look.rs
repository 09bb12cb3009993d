//! The consoles' look keeps its promises: small files, no other server, and a catalogue whose classes exist.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");
const ICON: &str = include_str!("../assets/icon.svg");
const CATALOGUE: &str = include_str!("../templates/README.md");

#[test]
fn the_files_are_small() {
    for (name, text, most) in [("style", STYLE, 40_000), ("script", SCRIPT, 6_000), ("icon", ICON, 1_000)] {
        assert!(text.len() < most, "the {name} has {} bytes, of {most}", text.len());
    }
}

#[test]
fn nothing_is_asked_of_other_servers() {
    for text in [STYLE, SCRIPT, ICON] {
        let others = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!others.contains("http:") && !others.contains("https:"), "an address of another server");
    }
    assert!(!STYLE.contains("@import"));
}

/// A part of a name that the page fills in (`icon-{{ item.icon }}`) ends the check of that attribute.
#[test]
fn every_class_of_the_catalogue_and_of_the_shared_templates_is_in_the_stylesheet() {
    let known = classes_of_the_style();
    let mut texts = vec![(PathBuf::from("README.md"), CATALOGUE.to_owned())];
    templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut texts);
    assert!(texts.len() > 10, "templates were found");
    for (path, text) in texts {
        for attribute in text.split("class=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let fixed = attribute.split('{').next().unwrap_or_default();
            let whole = if fixed.len() < attribute.len() {
                fixed.rsplit_once(' ').map_or("", |(whole, _)| whole)
            } else {
                fixed
            };
            for class in whole.split_whitespace() {
                assert!(known.contains(class), "{}: {class} is not in the stylesheet", path.display());
            }
        }
    }
}

#[test]
fn every_icon_of_the_catalogue_is_there_and_the_other_way_round() {
    let listed = CATALOGUE.lines().find_map(|line| line.strip_prefix("Icons: `")?.strip_suffix("`."));
    let listed: BTreeSet<&str> = listed.unwrap().split(' ').collect();
    let known = classes_of_the_style();
    let drawn: BTreeSet<&str> = known.iter().filter_map(|class| class.strip_prefix("icon-")).collect();
    assert_eq!(listed, drawn);
}

fn classes_of_the_style() -> BTreeSet<&'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let names = STYLE.split('.').skip(1).map(|rest| rest.split(|c| !is_name(c)).next().unwrap_or_default());
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect()
}

fn templates(directory: &Path, texts: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            templates(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push((path, text));
        }
    }
}
