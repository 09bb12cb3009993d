//! Development only: real programs started for demos, benchmarks and cross-program tests, and the load put on them.

// Programs and what they work on.
pub mod estate;
pub mod fixture;
pub mod prepare;
pub mod programs;
pub mod provider;

// Load and measurement.
pub mod bench;
pub mod cpu;
pub mod load;

// The show.
pub mod demo;
