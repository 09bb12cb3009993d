//! A child with limits: on its time, on what it may print, and on the patience of whoever presses Ctrl-C.
//!
//! On Unix it leads a process group of its own: Ctrl-C reaches it only through this program, which then knows why it
//! ended, and what the child has started ends with it.

use std::io::{self, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// A status of many products has some kilobytes.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// The standard library can wait for ever or not at all, so the child is looked at so often.
const POLL: Duration = Duration::from_millis(20);
/// How long output may come after the end. It is there at once, unless something that outlives the child keeps the pipe.
const REST: Duration = Duration::from_secs(1);

/// How a child ended, and what it printed until then.
#[derive(Debug)]
pub struct Ended {
    pub how: How,
    pub stdout: String,
    pub stderr: String,
}

/// Why a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// By itself, with an exit code, or by a signal.
    Exited(Option<i32>),
    /// It took longer than it may.
    TooSlow,
    /// Somebody wants the whole program to end.
    Stopped,
}

/// Runs a command to its end, however it comes.
pub fn run(command: &mut Command, input: Option<&str>, limit: Duration, stop: &AtomicBool) -> io::Result<Ended> {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    lead_a_group(command);
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take().map(collect), child.stderr.take().map(collect));
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A key fits into any pipe. A child that has ended already wants none, and its end says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let how = wait(&mut child, limit, stop)?;
    let until = Instant::now() + REST;
    let text = |pipe: Option<Receiver<Vec<u8>>>| pipe.map(|pipe| received(&pipe, until)).unwrap_or_default();
    Ok(Ended { how, stdout: text(stdout), stderr: text(stderr) })
}

fn wait(child: &mut Child, limit: Duration, stop: &AtomicBool) -> io::Result<How> {
    let started = Instant::now();
    let how = loop {
        if let Some(status) = child.try_wait()? {
            return Ok(How::Exited(status.code()));
        }
        if stop.load(Ordering::Relaxed) {
            break How::Stopped;
        }
        if started.elapsed() > limit {
            break How::TooSlow;
        }
        thread::sleep(POLL);
    };
    kill(child);
    child.wait()?;
    Ok(how)
}

/// Reads a pipe piece by piece, so that what came is there although the end does not come.
fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut pipe = pipe.by_ref().take(OUTPUT_BYTES_MAX);
        let mut piece = vec![0; 1 << 16];
        while let Ok(read @ 1..) = pipe.read(&mut piece) {
            let Some(read) = piece.get(..read) else { break };
            if sender.send(read.to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn received(pipe: &Receiver<Vec<u8>>, until: Instant) -> String {
    let mut bytes = Vec::new();
    loop {
        match pipe.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(piece) => bytes.extend(piece),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        }
    }
}

#[cfg(unix)]
fn lead_a_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn lead_a_group(_: &mut Command) {}

/// Nobody can refuse; a child that has ended meanwhile needs no end.
#[cfg(unix)]
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    let _ = child.kill();
}
