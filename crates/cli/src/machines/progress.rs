//! How far a run has come, on standard error: one line that is drawn again on a terminal, a line for each machine elsewhere.

use std::io::{self, IsTerminal as _, Write as _};

use keymuster::list::Row;

use super::outcome::{End, Outcome};

/// What has been counted so far.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    asked: usize,
    failed: usize,
    is_terminal: bool,
    /// How wide the drawn line is.
    width: usize,
}

impl Progress {
    pub fn start(total: usize) -> Progress {
        let is_terminal = io::stderr().is_terminal();
        let mut progress = Progress { total, asked: 0, failed: 0, is_terminal, width: 0 };
        progress.draw();
        progress
    }

    /// One more is known. Failures stay on the terminal.
    pub fn note(&mut self, row: &Row, outcome: &Outcome) {
        self.asked += 1;
        self.failed += usize::from(outcome.end != End::Done);
        let said = format!("{}: {}: {}", row.place, outcome.end.word(), outcome.sentence());
        if !self.is_terminal {
            print(&format!("{} of {}: {said}\n", self.asked, self.total));
        } else if outcome.end != End::Done {
            self.clear();
            print(&format!("{said}\n"));
        }
        self.draw();
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.clear();
    }

    fn draw(&mut self) {
        if self.is_terminal {
            self.clear();
            let failed = if self.failed > 0 { format!(", {} of them failed", self.failed) } else { String::new() };
            let line = format!("{} of {} machines{failed} …", self.asked, self.total);
            self.width = line.chars().count();
            print(&line);
        }
    }

    /// Blanks and carriage returns are understood by every terminal.
    fn clear(&mut self) {
        if self.width > 0 {
            print(&format!("\r{:1$}\r", "", self.width));
            self.width = 0;
        }
    }
}

/// Nobody has to watch.
fn print(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
