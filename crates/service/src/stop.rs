//! The one signal that ends a server: everything that waits, waits for it as well.
//!
//! Once asked for, a stop is never taken back.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::notify;

/// A stop that was, or will be, asked for; clones share it.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: Arc<watch::Sender<bool>>,
}

impl Stop {
    /// A stop that only [`Stop::now`] asks for.
    #[expect(clippy::new_without_default, reason = "a default stop would read as something that has stopped")]
    pub fn new() -> Stop {
        Stop { asked: Arc::new(watch::Sender::new(false)) }
    }

    /// A stop that SIGTERM and SIGINT ask for as well; must be called inside a tokio runtime.
    pub fn on_signals() -> io::Result<Stop> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let stop = Stop::new();
        tokio::spawn(ask_on_signal(stop.clone(), terminate, interrupt));
        Ok(stop)
    }

    /// Asks for the stop.
    pub fn now(&self) {
        self.asked.send_replace(true);
    }

    /// Whether the stop was asked for.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Returns when the stop is asked for, at once if it already was.
    pub async fn asked(&self) {
        let mut asked = self.asked.subscribe();
        asked.wait_for(|asked| *asked).await.expect("self holds the sender, so the channel stays open");
    }
}

async fn ask_on_signal(stop: Stop, mut terminate: Signal, mut interrupt: Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "stopping");
    notify::stopping();
    stop.now();
}
