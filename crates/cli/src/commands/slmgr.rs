//! `keymuster slmgr`: the verbs that administrators of Microsoft KMS type, with `-` or `/`, for the same things here.
//!
//! A verb is translated into the commands that do the same, of this program or of `keymuster-host`; what has no counterpart
//! says so. On a machine that is a client and a host, the verbs that show or activate do both.

mod shown;
mod translate;
mod verbs;

use clap::{Args, Parser as _};
use serde_json::{Value, json};

use super::Arguments;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::host_program::HostProgram;
use crate::machine::Machine;
use translate::{Here, Step};
use verbs::{Counterpart, VERBS, Verb};

/// Options of `slmgr`.
#[derive(Debug, Args)]
pub struct Options {
    /// A verb with `-` or `/` and what belongs to it, such as `-dlv` or `/skms kms.example:1688`; without any, all verbs
    /// are listed.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "VERB")]
    words: Vec<String>,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let Some((typed, parameters)) = options.words.split_first() else { return Ok(help()) };
    let verb = verb(typed)?;
    match &verb.counterpart {
        Counterpart::None(why) => Err(Failure::refused(
            format!("{typed} has no counterpart: {why}"),
            "`keymuster slmgr` lists the verbs and what does the same",
        )),
        Counterpart::Command(_) if verb.name == "?" => Ok(help()),
        Counterpart::Command(_) => {
            let host = HostProgram::find().and_then(|program| Some((program.status()?, program)));
            let products = machine.products().unwrap_or_default();
            let here = Here { machine, products: &products, host: host.as_ref().map(|(status, _)| status) };
            if products.is_empty() && host.is_none() {
                // The client's own words for a machine without a product.
                machine.products()?;
            }
            let steps = translate::steps(verb, parameters, &here)?;
            take(machine, steps, host.as_ref().map(|(_, program)| program))
        }
    }
}

fn verb(typed: &str) -> Result<&'static Verb, Failure> {
    if let Some(verb) = verbs::find(typed) {
        return Ok(verb);
    }
    if !typed.starts_with(['-', '/']) {
        let message = format!("{typed:?} is no verb: a verb begins with - or /");
        let advice = "this command works on its own machine; on another run `ssh MACHINE keymuster slmgr -dlv`, and on \
                      many `keymuster status --from FILE`";
        return Err(Failure::usage(message, advice));
    }
    let nearest = verbs::nearest(typed).name;
    Err(Failure::usage(
        format!("there is no verb {typed}"),
        format!("did you mean -{nearest}? `keymuster slmgr` lists all"),
    ))
}

/// Takes the steps one after the other; the first that fails ends it, and what was done is said before.
fn take(machine: &Machine, steps: Vec<Step>, host: Option<&HostProgram>) -> Result<Answer, Failure> {
    let mut answers: Vec<Answer> = Vec::new();
    for step in steps {
        let taken = match step {
            Step::Say(answer) => Ok(answer),
            Step::Own(words) => own(machine, &words),
            Step::Host { words, input } => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let text = host.map_or_else(|| Err(no_host()), |host| host.run(&words, &input))?;
                Ok(Answer::new(text.clone(), json!({ "keymuster-host": words, "says": text })))
            }
        };
        match taken {
            Ok(answer) => answers.push(answer),
            Err(failure) => {
                answers.iter().for_each(|answer| crate::answer::note(answer.text.trim_end()));
                return Err(failure);
            }
        }
    }
    let exit = answers.iter().map(|answer| answer.exit).max().unwrap_or(crate::exit::OK);
    let text = answers.iter().map(|answer| answer.text.trim_end()).collect::<Vec<_>>().join("\n\n");
    let json = match answers.len() {
        1 => answers.remove(0).json,
        _ => answers.into_iter().map(|answer| answer.json).collect(),
    };
    Ok(Answer { text, json, exit })
}

/// Runs a command of this program, with the options that were given to it.
fn own(machine: &Machine, words: &[String]) -> Result<Answer, Failure> {
    let words = std::iter::once("keymuster".to_owned()).chain(machine.words(words)).chain(words.iter().cloned());
    let arguments =
        Arguments::try_parse_from(words).map_err(|why| Failure::usage(why.to_string(), "see `keymuster slmgr`"))?;
    super::run(arguments)
}

fn no_host() -> Failure {
    Failure::refused(
        "there is no host on this machine",
        "run this verb where keymuster-host runs, as its administrator",
    )
}

/// All verbs, for people and for machines.
fn help() -> Answer {
    let mut text = "keymuster slmgr -VERB, with - or /:\n\n".to_owned();
    let mut list = Vec::new();
    for verb in &VERBS {
        let typed = format!("-{} {}", verb.name, verb.parameters);
        let (does, is_there) = match verb.counterpart {
            Counterpart::Command(command) => (command.to_owned(), true),
            Counterpart::None(why) => (format!("nothing: {why}"), false),
        };
        text += &format!("  {typed:32}{does}\n");
        list.push(
            json!({ "verb": verb.name, "parameters": verb.parameters, "does": does, "has_counterpart": is_there }),
        );
    }
    text += "\nID is EDITION or PUBLISHER/EDITION, as `keymuster status` shows them.";
    Answer::new(text, Value::Array(list))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use super::*;

    const HEAD: &str = "\
# The verbs of slmgr

`keymuster slmgr -VERB` does the same things here, with `-` or `/`, in any case.
This page is made from the program's own table.
`ID` is an edition, or publisher and edition with a slash, as `keymuster status` shows them.
Host keys and MAKs are secrets, so `-ipk` takes them from the terminal or a pipe and not from the command line.

| verb | does the same as |
|---|---|
";

    /// `UPDATE=1` writes the page.
    #[test]
    fn the_reference_page_is_the_table() {
        let mut page = HEAD.to_owned();
        for verb in &VERBS {
            let typed = format!("-{} {}", verb.name, verb.parameters).trim_end().replace('|', "\\|");
            let does = match verb.counterpart {
                Counterpart::Command(command) => command.replace('|', "\\|"),
                Counterpart::None(why) => format!("nothing: {why}"),
            };
            writeln!(page, "| `{typed}` | {does} |").unwrap();
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/slmgr.md");
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            fs::write(&file, &page).unwrap();
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        assert!(written == page, "{} is out of date: run the test again with UPDATE=1", file.display());
    }
}
