//! The exit codes of the command line. They are stable: scripts depend on them.

/// It was done.
pub const OK: u8 = 0;
/// A rule said no: nothing was done, and trying again gives the same answer.
pub const REFUSED: u8 = 1;
/// The command line itself is wrong; `clap` says so and ends the program.
pub const USAGE: u8 = 2;
/// The outside world failed: a file, the disk, the network, the database, a certificate that has ended.
pub const ENVIRONMENT: u8 = 3;
