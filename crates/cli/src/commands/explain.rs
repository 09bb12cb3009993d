//! `keymuster explain`: what a code means, why it happens and what to do; without a network.

use clap::Args;
use keymuster_core::codes::{self, Code};
use serde_json::json;
use strsim::levenshtein;

use crate::answer::Answer;
use crate::failure::Failure;

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Options {
    /// `KM-201`, `201`, `threshold-not-met`, a code of Microsoft KMS, or a whole log line.
    #[arg(required = true)]
    code: Vec<String>,
}

/// How many names are proposed.
const NEAREST_MAX: usize = 3;

pub fn run(options: &Options) -> Result<Answer, Failure> {
    let text = options.code.join(" ");
    let shared: Vec<&Code> = codes::all().filter(|code| code.is_known_as(text.trim())).collect();
    if shared.len() > 1 {
        let explained: Vec<String> = shared.iter().map(|code| code.explain()).collect();
        let text = format!("{text} stands for one of several situations here.\n\n{}", explained.join("\n\n"));
        return Ok(Answer::new(text, shared.iter().map(|code| json_of(code)).collect()));
    }
    match codes::find(&text) {
        Some(code) => Ok(Answer::new(code.explain(), json_of(code))),
        None => Err(Failure::refused(format!("there is no code {text:?}"), choose(&nearest(&text)))),
    }
}

fn choose(codes: &[&Code]) -> String {
    let names: Vec<String> = codes.iter().map(ToString::to_string).collect();
    format!("run `keymuster explain` with one of: {}", names.join(", "))
}

fn json_of(code: &Code) -> serde_json::Value {
    json!({
        "number": code.number,
        "name": code.name,
        "kind": code.kind.to_string(),
        "sentence": code.sentence,
        "causes": code.causes,
        "checks": code.checks,
        "remedy": code.remedy,
        "known_as": code.known_as,
    })
}

/// The codes whose names or numbers differ least from `text`.
fn nearest(text: &str) -> Vec<&'static Code> {
    let text = text.trim().to_ascii_lowercase();
    let distance =
        |code: &&'static Code| levenshtein(&text, code.name).min(levenshtein(&text, &format!("km-{}", code.number)));
    let mut codes: Vec<&Code> = codes::all().collect();
    codes.sort_by_key(distance);
    codes.truncate(NEAREST_MAX);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_edits() {
        for (a, b, expected) in [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("x", "x", 0)] {
            assert_eq!(levenshtein(a, b), expected, "{a} {b}");
        }
        assert_eq!(nearest("treshold-not-met")[0].name, "threshold-not-met");
    }
}
