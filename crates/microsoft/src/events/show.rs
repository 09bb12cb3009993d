//! The forms in which a report is shown.

mod chart;
mod html;
mod json;
mod machines_csv;
mod prometheus;
mod table;

pub use html::html;
pub use json::json;
pub use machines_csv::machines_csv;
pub use prometheus::prometheus;
pub use table::table;
