//! CPU time, memory and threads of processes and threads, as the kernel counts them.

use std::fs;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// CPU nanoseconds that a process has used, all its threads together, user and system.
pub fn of_process(pid: u32) -> anyhow::Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        total += text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).context("no schedstat")?;
    }
    Ok(total)
}

/// CPU nanoseconds that the calling thread has used.
pub fn of_this_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Neither is negative: the clock counts from the start of the thread.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// CPU microseconds that one run of `act` takes, the median of several rounds of `repeats` runs.
pub fn micros_of(repeats: u32, mut act: impl FnMut(u32)) -> f64 {
    let round = |_| {
        let begin = of_this_thread();
        (0..repeats).for_each(&mut act);
        (of_this_thread() - begin) as f64 / f64::from(repeats) / 1000.0
    };
    median((0..5).map(round).collect())
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Resident memory of a process, in bytes.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
