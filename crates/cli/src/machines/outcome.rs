//! What came of one machine: the answer of its own `keymuster`, or why there is none.
//!
//! Another machine can print what it likes. Only one line of it is believed to be an answer, and what is shown to people
//! has no control characters.

use std::io;

use keymuster::list::{Place, Row};
use keymuster_core::codes::{self, Code};
use serde_json::Value;

use super::child::{Ended, How};
use crate::exit;

/// The exit code of OpenSSH for everything that is its own trouble; `keymuster` never ends with it.
const SSH_FAILED: i32 = 255;
/// A sentence, and not a page.
const MESSAGE_CHARS_MAX: usize = 400;

/// How a row ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Done,
    Failed,
    /// The program was to end before this machine had answered.
    Stopped,
}

/// What came of one machine.
#[derive(Debug)]
pub struct Outcome {
    pub end: End,
    /// What the command on the machine ended with, if it was reached.
    pub exit: Option<i32>,
    /// The name of a code; a newer `keymuster` may know more than this one.
    pub code: Option<String>,
    pub message: String,
    pub remedy: Option<String>,
    /// What the machine's own `keymuster` printed.
    pub answer: Option<Value>,
}

impl End {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            End::Done => "done",
            End::Failed => "failed",
            End::Stopped => "stopped",
        }
    }
}

impl Outcome {
    /// The program ended before this machine's turn came.
    pub fn not_asked() -> Outcome {
        Outcome::new(End::Stopped, "not asked, because the command was interrupted before")
    }

    /// What the end of a child says about its row.
    pub fn of(row: &Row, ended: io::Result<Ended>) -> Outcome {
        let ended = match ended {
            Ok(ended) => ended,
            Err(why) => {
                return Outcome::coded(&codes::MACHINE_UNREACHABLE, &format!("cannot start the program: {why}"));
            }
        };
        match ended.how {
            How::Stopped => Outcome::new(End::Stopped, "interrupted before it answered; it may have been done there"),
            How::TooSlow => Outcome::coded(&codes::MACHINE_TOO_SLOW, "no answer within the time limit"),
            How::Exited(exit) => Outcome { exit, ..Outcome::of_exit(row, exit, &ended) },
        }
    }

    fn of_exit(row: &Row, exit: Option<i32>, ended: &Ended) -> Outcome {
        let answer = last_line(&ended.stdout).and_then(|line| serde_json::from_str::<Value>(line).ok());
        let said = last_line(&ended.stderr).or(last_line(&ended.stdout));
        match (answer, exit) {
            (Some(answer), _) if answer["error"].is_object() => Outcome::of_error(&answer["error"]),
            (Some(answer), Some(0)) if is_status(&answer) => {
                let message = meaning(&answer);
                Outcome { answer: Some(answer), ..Outcome::new(End::Done, &message) }
            }
            (Some(answer), Some(code)) if code == i32::from(exit::NOT_LICENSED) && is_status(&answer) => {
                let message = meaning(&answer);
                Outcome { answer: Some(answer), ..Outcome::new(End::Failed, &message) }
            }
            (_, Some(SSH_FAILED)) if row.place != Place::Local => {
                Outcome::coded(&codes::MACHINE_UNREACHABLE, said.unwrap_or("ssh failed without a word"))
            }
            (_, exit) => {
                let exit = exit.map_or("by a signal".to_owned(), |exit| format!("with exit code {exit}"));
                let said = said.map(|said| format!(": {said}")).unwrap_or_default();
                Outcome::coded(&codes::MACHINE_ANSWER_UNKNOWN, &format!("the command there ended {exit}{said}"))
            }
        }
    }

    fn of_error(error: &Value) -> Outcome {
        let text = |name: &str| error[name].as_str().map(clean);
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let message = text("message").unwrap_or_default();
        Outcome { code: text("code").filter(is_name), remedy: text("remedy"), ..Outcome::new(End::Failed, &message) }
    }

    fn coded(code: &'static Code, message: &str) -> Outcome {
        let (name, remedy) = (Some(code.name.to_owned()), Some(code.remedy.to_owned()));
        Outcome { code: name, remedy, ..Outcome::new(End::Failed, message) }
    }

    fn new(end: End, message: &str) -> Outcome {
        Outcome { end, exit: None, code: None, message: clean(message), remedy: None, answer: None }
    }

    /// The message with its code.
    pub fn sentence(&self) -> String {
        let code = self.code.as_deref().map(|name| match codes::all().find(|code| code.name == name) {
            Some(code) => format!(" ({code})"),
            None => format!(" ({name})"),
        });
        format!("{}{}", self.message, code.unwrap_or_default())
    }
}

/// The last line with something on it: what a login script printed comes before.
fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// The products of an answer: `status` gives a list of them, the other commands one.
fn products(answer: &Value) -> &[Value] {
    answer.as_array().map_or(std::slice::from_ref(answer), Vec::as_slice)
}

fn is_status(answer: &Value) -> bool {
    products(answer).iter().all(|product| product["state"].is_string())
}

fn meaning(answer: &Value) -> String {
    let text = |product: &Value, name: &str| product[name].as_str().unwrap_or_default().to_owned();
    let each = products(answer).iter().map(|one| format!("{}: {}", text(one, "edition"), text(one, "meaning")));
    each.collect::<Vec<_>>().join("; ")
}

/// One line for people, of a length that can be read.
fn clean(text: &str) -> String {
    let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(MESSAGE_CHARS_MAX).collect()
}
