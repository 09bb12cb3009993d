//! Event logs of KMS hosts and their clients: read from files of several forms, put together machine by machine, judged.
//!
//! Events pass by one at a time and none is kept; what is kept grows with machines and days and has a limit.

mod application;
mod count;
mod csv_file;
mod event;
mod evtx_file;
mod finding;
mod hosts;
mod ledger;
mod machines;
mod moment;
mod names;
mod read;
mod report;
mod text;
mod xml_file;

pub mod show;

pub use application::{Application, Product, Products};
pub use count::{CountSeries, Forecast};
pub use event::{Detail, Event, Request};
pub use finding::{Fault, Finding};
pub use hosts::HostSeen;
pub use ledger::Ledger;
pub use machines::{Clone, MachineSeen, Standing};
pub use moment::Moment;
pub use read::{FileRead, Form, ReadFailed, read};
pub use report::{ErrorGroup, Report};

/// The parsers of bytes from outside, for the fuzz targets alone.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod outside {
    pub use super::read::every_form;
}
