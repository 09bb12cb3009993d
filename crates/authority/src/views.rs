//! What administrators look at, as typed values: the same for pages and the administration interface.
//!
//! A view is loaded in one transaction that only reads. Times are seconds since 1970 in UTC.

pub mod audit;
