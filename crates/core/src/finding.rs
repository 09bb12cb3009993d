//! What a doctor finds: what was seen, how bad it is, what it means, and what to do next.
//!
//! Every program of the project examines itself with these, so that people and scripts read one form everywhere. Examining
//! is pure: facts go in, findings come out; whoever gathers the facts decides nothing.

use std::fmt;

use crate::codes::Code;

/// How bad it is. A greater one is worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// As it should be.
    Well,
    /// It works, and somebody should do something about it.
    Warning,
    /// It does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at, by a name for machines that stays.
    pub name: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was seen, in one sentence.
    pub seen: String,
    /// What that means; nothing where all is well.
    pub means: Option<String>,
    /// What to do next; nothing where nothing needs to be done.
    pub next: Option<String>,
    /// The code by which it is explained further.
    pub code: Option<&'static Code>,
}

/// Everything that was found, and what it comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnosis {
    /// The verdict in plain words, with the next action.
    pub headline: String,
    /// In the order in which things depend on one another.
    pub findings: Vec<Finding>,
}

impl Finding {
    /// Something that is as it should be.
    pub fn well(name: &'static str, seen: impl Into<String>) -> Finding {
        Finding { name, verdict: Verdict::Well, seen: seen.into(), means: None, next: None, code: None }
    }

    /// Something that works and needs somebody all the same.
    pub fn warning(name: &'static str, seen: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Warning, ..Finding::well(name, seen) }
    }

    /// Something that does not work.
    pub fn broken(name: &'static str, seen: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Broken, ..Finding::well(name, seen) }
    }

    /// The same with what it means and what to do.
    #[must_use]
    pub fn because(self, means: impl Into<String>, next: impl Into<String>) -> Finding {
        Finding { means: Some(means.into()), next: Some(next.into()), ..self }
    }

    /// The same with a code; it says what is meant and to be done where the finding itself does not.
    #[must_use]
    pub fn coded(self, code: &'static Code) -> Finding {
        Finding {
            means: self.means.or_else(|| Some(code.sentence.to_owned())),
            next: self.next.or_else(|| Some(code.remedy.to_owned())),
            code: Some(code),
            ..self
        }
    }

    /// The members of the finding as programs read it; `docs/guides/doctor.md` promises them.
    pub fn members(&self) -> [(&'static str, Option<String>); 6] {
        [
            ("name", Some(self.name.to_owned())),
            ("verdict", Some(self.verdict.to_string())),
            ("seen", Some(self.seen.clone())),
            ("means", self.means.clone()),
            ("next", self.next.clone()),
            ("code", self.code.map(|code| code.name.to_owned())),
        ]
    }
}

/// What was seen, and the code.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.seen)?;
        self.code.map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}

impl Diagnosis {
    /// The worst of all findings.
    pub fn verdict(&self) -> Verdict {
        worst(&self.findings)
    }

    /// For people: the verdict, then what needs somebody, the worst first, then what else was seen.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.headline);
        for verdict in [Verdict::Broken, Verdict::Warning] {
            for finding in self.findings.iter().filter(|finding| finding.verdict == verdict) {
                text += &format!("\n{verdict}: {finding}\n");
                let lines = [("means", &finding.means), ("do", &finding.next)];
                for (what, said) in lines.into_iter().filter_map(|(what, said)| Some((what, said.as_ref()?))) {
                    text += &format!("  {:7}{said}\n", format!("{what}:"));
                }
            }
        }
        let well: Vec<&Finding> = self.findings.iter().filter(|finding| finding.verdict == Verdict::Well).collect();
        let width = well.iter().map(|finding| finding.name.len()).max().unwrap_or_default();
        if !well.is_empty() {
            text.push('\n');
        }
        for finding in well {
            text += &format!("  {:width$}  {finding}\n", finding.name);
        }
        text
    }
}

/// The worst verdict; nothing that was looked at is well.
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Verdict {
    findings.into_iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Well)
}

/// `well`, `warning` or `broken`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Well => "well",
            Verdict::Warning => "warning",
            Verdict::Broken => "broken",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn the_worst_comes_first_and_what_is_well_last() {
        let findings = vec![
            Finding::well("disk", "12 GB are free"),
            Finding::warning("clock", "12 minutes ahead").because("it is wrong", "set it"),
            Finding::broken("host", "nothing listens there").coded(&codes::CONNECTION_REFUSED),
        ];
        let diagnosis = Diagnosis { headline: "No host answers.".to_owned(), findings };
        assert_eq!(diagnosis.verdict(), Verdict::Broken);
        let remedy = codes::CONNECTION_REFUSED.remedy;
        let sentence = codes::CONNECTION_REFUSED.sentence;
        let expected = format!(
            "No host answers.\n\n\
             broken: nothing listens there (KM-503 connection-refused)\n  means: {sentence}\n  do:    {remedy}\n\n\
             warning: 12 minutes ahead\n  means: it is wrong\n  do:    set it\n\n  disk  12 GB are free\n"
        );
        assert_eq!(diagnosis.text(), expected);
    }

    #[test]
    fn what_a_finding_says_itself_counts_before_its_code() {
        let finding = Finding::broken("host", "x").because("y", "z").coded(&codes::HOST_UNREACHABLE);
        assert_eq!((finding.means.as_deref(), finding.next.as_deref()), (Some("y"), Some("z")));
        assert_eq!(finding.members()[5], ("code", Some("host-unreachable".to_owned())));
        assert_eq!(worst(&[]), Verdict::Well);
    }
}
