//! What several pages show: who may do what, and why a form was not accepted.

use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::page::PageError;
use keymuster_service::console::permission::{Handle, Keys, Needs, Settings};
use keymuster_service::console::{Page, chart};

/// Which acts a page offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct May {
    /// Carry requests and answers.
    pub handle: bool,
    /// Add customers, mint keys.
    pub keys: bool,
    /// Take back, set limits.
    pub settings: bool,
}

impl May {
    /// What somebody may do.
    pub fn of<P: Needs>(page: &Page<P>) -> May {
        let account = page.account();
        May { handle: account.may::<Handle>(), keys: account.may::<Keys>(), settings: account.may::<Settings>() }
    }

    /// Everything, for samples.
    pub const ALL: May = May { handle: true, keys: true, settings: true };
    /// Nothing, for samples.
    pub const NONE: May = May { handle: false, keys: false, settings: false };
}

/// Why a form was not accepted, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The name of the field that is wrong; empty where it is none in particular.
    pub field: &'static str,
    /// What is wrong in this case.
    pub detail: String,
    /// `KM-461 second-person-needed`; empty where it has no code of its own.
    pub code: String,
    /// Where the code is explained.
    pub href: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Failed {
    /// What is wrong with a field.
    pub fn field(field: &'static str, detail: impl Into<String>) -> Failed {
        Failed { field, detail: detail.into(), code: String::new(), href: String::new(), remedy: "" }
    }

    /// The field for people.
    pub fn label(&self) -> String {
        let words = self.field.replace('_', " ");
        words[..1.min(words.len())].to_uppercase() + words.get(1..).unwrap_or_default()
    }

    /// The reason to show beside the form; what nobody at the form can do anything about has a page of its own.
    pub fn of(problem: Problem) -> Result<Failed, PageError> {
        let code = problem.code();
        if [&codes::INTERNAL_FAILURE, &codes::RECORD_UNKNOWN].contains(&code) {
            return Err(problem.into());
        }
        let failed = Failed::field("", problem.detail());
        if code == &codes::INPUT_INVALID {
            return Ok(failed);
        }
        let href = format!("/codes/{}", code.name);
        Ok(Failed { code: code.to_string(), href, remedy: code.remedy, ..failed })
    }
}

/// What is said beside a field.
pub fn error_of<'f>(failed: &'f Option<Failed>, field: &str) -> &'f str {
    failed.as_ref().filter(|failed| failed.field == field && !field.is_empty()).map_or("", |failed| &failed.detail)
}

/// A number for people. Templates hand over references.
pub fn number(n: impl Number) -> String {
    chart::number(n.get())
}

/// What is shown as a number.
pub trait Number {
    /// The number.
    fn get(&self) -> u64;
}

impl Number for u64 {
    fn get(&self) -> u64 {
        *self
    }
}

impl Number for u32 {
    fn get(&self) -> u64 {
        u64::from(*self)
    }
}

impl<N: Number> Number for &N {
    fn get(&self) -> u64 {
        (*self).get()
    }
}
