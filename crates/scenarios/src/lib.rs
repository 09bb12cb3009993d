//! Development only: real programs started for demos, benchmarks and cross-program tests, and the load put on them.

// Programs and what they work on.
pub mod clock;
pub mod console;
pub mod estate;
pub mod fixture;
pub mod ledger;
pub mod network;
pub mod prepare;
pub mod programs;

// What others wrote, and the console is tested with.
pub mod browser;
pub mod pebble;
pub mod postgres;
pub mod provider;
pub mod stand_in;
pub mod storybook;

// Load and measurement.
pub mod bench;
pub mod cpu;
pub mod crash;
pub mod failover;
pub mod load;
pub mod soak;

// The show.
pub mod demo;
