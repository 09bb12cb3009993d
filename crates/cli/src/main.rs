//! `keymuster`: the command for client machines and administrators.
//!
//! Results go to standard output, notes and errors to standard error; each error has a code, and each code is explained by
//! `keymuster explain`.

mod answer;
mod commands;
mod doctor;
mod exit;
mod failure;
mod host_program;
mod inspect;
mod machine;
mod machines;
mod remote;
mod shown;

use std::process::ExitCode;

use clap::Parser as _;

use answer::Answer;
use commands::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let as_json = arguments.machine.json;
    match commands::run(arguments) {
        Ok(answer) => {
            answer.print(as_json);
            ExitCode::from(answer.exit)
        }
        Err(failure) => {
            answer::note(&failure);
            if as_json {
                Answer::new("", failure.json()).print(as_json);
            }
            ExitCode::from(failure.exit())
        }
    }
}
