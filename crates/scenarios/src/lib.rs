//! Development only: real programs started for demos, benchmarks and cross-program tests, and the load put on them.

// Programs and what they work on.
pub mod console;
pub mod estate;
pub mod fixture;
pub mod prepare;
pub mod programs;

// What others wrote, and the console is tested with.
pub mod browser;
pub mod provider;
pub mod storybook;

// Load and measurement.
pub mod bench;
pub mod cpu;
pub mod load;

// The show.
pub mod demo;
