//! The exit codes of `keymuster`. They are stable: scripts depend on them.

/// It was done; for `status`: everything is licensed or in grace.
pub const OK: u8 = 0;
/// A rule said no: a host's refusal, a key that does not belong here, a name that does not exist.
pub const REFUSED: u8 = 1;
/// The command line or a setting was not understood; `clap` uses the same number.
pub const USAGE: u8 = 2;
/// The outside world failed: the network, DNS, a disk, a host that does not work.
pub const ENVIRONMENT: u8 = 3;
/// `doctor`: it works, and something should be done.
pub const WARNING: u8 = REFUSED;
/// `doctor`: something does not work.
pub const BROKEN: u8 = ENVIRONMENT;
/// `status`, `expires`: at least one product is not licensed and its grace is over, or it was not started since it was
/// re-armed.
pub const NOT_LICENSED: u8 = 4;
/// A document, an answer or the text of a product key is not valid.
pub const INVALID: u8 = 5;
/// With a list of machines: at least one of them failed or was not asked.
pub const SOME_FAILED: u8 = 6;
