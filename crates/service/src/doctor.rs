//! What the doctors of both servers share: the machine, the clock and the certificate, and how a diagnosis is shown.
//!
//! Each examination is a function from facts to findings; gathering the facts is apart from it and judges nothing.

pub mod certificate;
pub mod clock;
pub mod machine;

use std::fmt;

use keymuster_core::finding::{Diagnosis, Finding, Verdict};
use serde_json::{Map, Value, json};

/// A diagnosis with these findings: `well` says in one sentence what works where nothing is broken, and `works_not` what
/// does not where something is.
pub fn diagnosis(well: &str, works_not: &str, findings: Vec<Finding>) -> Diagnosis {
    let of = |verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let first = |finding: &Finding| match &finding.next {
        Some(next) => format!("{}. What to do: {next}.", finding.seen),
        None => format!("{}.", finding.seen),
    };
    let warnings = of(Verdict::Warning).count();
    let headline = match (of(Verdict::Broken).next(), of(Verdict::Warning).next()) {
        (Some(broken), _) => format!("{works_not}: {}", first(broken)),
        (None, Some(warning)) if warnings == 1 => format!("{well}; one thing should be seen to: {}", first(warning)),
        (None, Some(warning)) => format!("{well}; {warnings} things should be seen to, first: {}", first(warning)),
        (None, None) => format!("{well}; nothing needs to be done."),
    };
    Diagnosis { headline, findings }
}

/// A diagnosis as programs read it; `more` are members that only this server has.
pub fn json(diagnosis: &Diagnosis, more: Value) -> Value {
    let finding = |finding: &Finding| {
        let members = finding.members().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        Value::Object(members.collect::<Map<_, _>>())
    };
    let mut whole = json!({
        "verdict": diagnosis.verdict().to_string(),
        "headline": diagnosis.headline,
        "findings": diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if let (Value::Object(whole), Value::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    whole
}

/// How a doctor's command ends that has told everything.
#[derive(Clone, Copy, Debug)]
pub struct Diagnosed(pub Verdict);

impl fmt::Display for Diagnosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the verdict is: {}", self.0)
    }
}

impl std::error::Error for Diagnosed {}

/// The end of the command: its exit code says the verdict.
pub fn end(diagnosis: &Diagnosis) -> Result<(), Diagnosed> {
    match diagnosis.verdict() {
        Verdict::Well => Ok(()),
        verdict => Err(Diagnosed(verdict)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_names_the_worst_and_what_to_do() {
        let warning = || Finding::warning("disk", "little is free").because("x", "make room");
        let broken = || Finding::broken("port", "nothing answers").because("x", "start it");
        for (findings, expected) in [
            (vec![], "This host answers; nothing needs to be done."),
            (vec![warning()], "This host answers; one thing should be seen to: little is free. What to do: make room."),
            (
                vec![warning(), warning()],
                "This host answers; 2 things should be seen to, first: little is free. What to do: make room.",
            ),
            (vec![warning(), broken()], "It fails: nothing answers. What to do: start it."),
        ] {
            assert_eq!(diagnosis("This host answers", "It fails", findings).headline, expected);
        }
    }

    #[test]
    fn programs_read_all_members() {
        let diagnosis = diagnosis("a", "b", vec![Finding::well("disk", "c")]);
        let expected = json!({
            "verdict": "well",
            "headline": "a; nothing needs to be done.",
            "findings": [
                { "name": "disk", "verdict": "well", "seen": "c", "means": null, "next": null, "code": null },
            ],
            "host": "d",
        });
        assert_eq!(json(&diagnosis, json!({ "host": "d" })), expected);
        assert!(end(&diagnosis).is_ok());
    }
}
