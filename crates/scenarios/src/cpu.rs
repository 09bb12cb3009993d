//! CPU time, memory, descriptors and written bytes of processes, as the kernel counts them.

use std::fs;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// CPU nanoseconds that a process has used, all its threads together, user and system.
pub fn of_process(pid: u32) -> anyhow::Result<u64> {
    of_threads(pid, |_| true)
}

/// CPU nanoseconds that those threads of a process have used whose names are meant.
pub fn of_threads(pid: u32, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        let task = task?.path();
        if is_meant(fs::read_to_string(task.join("comm"))?.trim_end()) {
            let text = fs::read_to_string(task.join("schedstat"))?;
            total += text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).context("no schedstat")?;
        }
    }
    Ok(total)
}

/// CPU seconds that a process and its children have used, those that have ended included.
pub fn of_family(pid: u32) -> anyhow::Result<f64> {
    // A hundredth of a second on every Linux, whatever its clock ticks.
    const TICKS: f64 = 100.0;
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended meanwhile; then its parent has its time.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        let numbers: Vec<&str> = stat.rsplit_once(") ").map_or(Vec::new(), |(_, rest)| rest.split(' ').collect());
        let number = |at: usize| numbers.get(at).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        let (parent, own, of_children) = (number(1), number(11) + number(12), number(13) + number(14));
        if process == pid {
            ticks += own + of_children;
        } else if parent == u64::from(pid) {
            ticks += own;
        }
    }
    Ok(ticks as f64 / TICKS)
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
    memory(pid, "VmRSS:")
}

/// The most resident memory that a process ever had, in bytes.
pub fn resident_max(pid: u32) -> anyhow::Result<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Files and sockets that a process has open.
pub fn descriptors(pid: u32) -> anyhow::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64)
}

/// Bytes that a process caused to be written to the disk, as the kernel counts them.
pub fn written(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: ")).context("no write_bytes")?;
    Ok(line.trim().parse()?)
}
