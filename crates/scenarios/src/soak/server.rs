//! A server that is soaked: started, told to stop, killed, its clock put, its log rotated.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::report::Figures;
use super::{LOOK, SETTLE};
use crate::clock::Clock;
use crate::cpu;
use crate::programs::{self, Running};

/// Where standard error goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Log {
    /// Into a file that is copied and emptied under it, as logrotate does with `copytruncate`.
    File,
    /// Into a pipe that is read, as journald does.
    Pipe,
}

/// A server.
#[derive(Debug)]
pub struct Server {
    program: &'static str,
    data_dir: PathBuf,
    /// Where it listens.
    pub address: String,
    pub clock: Clock,
    log: Log,
    running: Option<Running>,
}

impl Server {
    pub fn start(program: &'static str, data_dir: PathBuf, address: String, log: Log) -> anyhow::Result<Server> {
        let clock = Clock::new(data_dir.with_extension("clock"))?;
        let mut server = Server { program, data_dir, address, clock, log, running: None };
        server.begin()?;
        Ok(server)
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        let mut command = programs::command(self.program)?;
        command.arg("--data-dir").arg(&self.data_dir);
        command.args(["serve", "--listen", &self.address, "--admin-listen", "127.0.0.1:0"]);
        self.clock.give_to(&mut command);
        let log = match self.log {
            Log::File => Stdio::from(OpenOptions::new().create(true).append(true).open(self.log_file())?),
            Log::Pipe => {
                let (reader, writer) = std::io::pipe()?;
                // It ends with the server.
                std::thread::spawn(move || BufReader::new(reader).lines().for_each(drop));
                Stdio::from(writer)
            }
        };
        let mut running = Running::start(&mut command, log)?;
        running.line_after("listening on ")?;
        self.running = Some(running);
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }

    fn running(&mut self) -> anyhow::Result<&mut Running> {
        self.running.as_mut().with_context(|| format!("{} does not run", self.program))
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        ensure!(self.running()?.stop()?, "{} did not stop well", self.program);
        self.running = None;
        Ok(())
    }

    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.begin()
    }

    /// Kills it, as a power cut would, and starts it again.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running()?.kill()?;
        self.begin()
    }

    /// Has it read its settings again.
    pub fn hang_up(&mut self) -> anyhow::Result<()> {
        let process = self.running()?.id().to_string();
        ensure!(Command::new("kill").args(["-HUP", &process]).status()?.success(), "cannot send a signal");
        Ok(())
    }

    /// Copies the log away and empties it under the server, which goes on at its beginning.
    pub fn rotate_log(&mut self) -> anyhow::Result<()> {
        let file = self.log_file();
        fs::copy(&file, self.data_dir.with_extension("log.1"))?;
        let log = OpenOptions::new().write(true).open(&file)?;
        log.set_len(0)?;
        self.hang_up()?;
        let begin = Instant::now();
        while File::open(&file)?.metadata()?.len() == 0 {
            ensure!(begin.elapsed() < SETTLE, "nothing is written to the log any more after it was rotated");
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Its memory and descriptors.
    pub fn figures(&mut self) -> anyhow::Result<Figures> {
        let process = self.running()?.id();
        Ok(Figures { resident: cpu::resident(process)?, descriptors: cpu::descriptors(process)? })
    }

    /// The same once the number of descriptors has come to rest.
    pub fn settled(&mut self) -> anyhow::Result<Figures> {
        let mut last = self.figures()?;
        let (begin, mut since) = (Instant::now(), Instant::now());
        // Connections that were cut off end with the server's own time limits, the longest of which is 10 seconds.
        while since.elapsed() < SETTLE / 4 && begin.elapsed() < SETTLE {
            std::thread::sleep(LOOK);
            let now = self.figures()?;
            if now.descriptors != last.descriptors {
                since = Instant::now();
            }
            last = now;
        }
        Ok(last)
    }
}
