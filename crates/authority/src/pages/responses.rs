//! Requests that administrators carry here, and the answers to them.

/// Where requests are sent.
pub const PATH: &str = "/responses";
