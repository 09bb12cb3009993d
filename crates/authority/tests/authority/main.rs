//! The authority as its publisher, its customers' hosts and their clients meet it: the real program, over HTTP and files.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod audit;
mod catalogues;
mod exchanges;
mod hosts;
mod http;
mod keys;
mod maks;
mod revocations;
mod support;
mod time;
mod walkthrough;
mod years;
