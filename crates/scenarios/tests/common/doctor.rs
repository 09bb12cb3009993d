//! What a doctor said, in the form for programs that all of them share.
#![allow(dead_code, reason = "each test program uses a part")]

use std::process::Command;

use serde_json::Value;

/// What was said, and how the program ended.
#[derive(Debug)]
pub struct Told {
    exit: Option<i32>,
    json: Value,
}

impl Told {
    /// Runs a doctor that was asked for JSON. A client's doctor has its findings below one product.
    pub fn by(command: &mut Command) -> Told {
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut json: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
        if json["products"].is_array() {
            json = json["products"][0].take();
        }
        assert!(json["findings"].is_array(), "{out}{err}");
        Told { exit: output.status.code(), json }
    }

    /// The first line.
    pub fn headline(&self) -> &str {
        self.json["headline"].as_str().unwrap()
    }

    /// The first finding of this name.
    pub fn finding(&self, name: &str) -> &Value {
        self.findings(name).next().unwrap_or_else(|| panic!("nothing is said of {name}: {:#}", self.json))
    }

    fn findings(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.json["findings"].as_array().unwrap().iter().filter(move |finding| finding["name"] == name)
    }

    /// Demands a finding by name, verdict and code with a part of what was seen.
    #[track_caller]
    fn has(&self, name: &str, verdict: &str, code: Option<&str>, part: &str) -> &Told {
        let is_it = |finding: &Value| {
            let is_explained = verdict == "well" || (finding["means"].is_string() && finding["next"].is_string());
            let is_coded = verdict == "well" || finding["code"].as_str() == code;
            is_explained
                && is_coded
                && finding["verdict"] == verdict
                && finding["seen"].as_str().unwrap().contains(part)
        };
        assert!(self.findings(name).any(is_it), "no {name}, {verdict}, {code:?} with {part:?} in {:#}", self.json);
        self
    }

    #[track_caller]
    pub fn broken(&self, name: &str, code: &str, part: &str) -> &Told {
        self.has(name, "broken", Some(code), part)
    }

    #[track_caller]
    pub fn breaks(&self, name: &str, part: &str) -> &Told {
        self.has(name, "broken", None, part)
    }

    #[track_caller]
    pub fn warning(&self, name: &str, code: Option<&str>, part: &str) -> &Told {
        self.has(name, "warning", code, part)
    }

    #[track_caller]
    pub fn well(&self, name: &str, part: &str) -> &Told {
        self.has(name, "well", None, part)
    }

    #[track_caller]
    pub fn exits(&self, exit: i32) -> &Told {
        assert_eq!(self.exit, Some(exit), "{:#}", self.json);
        let verdict = ["well", "warning", "", "broken"][usize::try_from(exit).unwrap()];
        assert_eq!(self.json["verdict"], verdict);
        self
    }
}
