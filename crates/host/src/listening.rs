//! Answering clients on the port that is set: a new port is listened on before the old one is given up.
//!
//! Whatever goes wrong with a new port, clients are answered on the one before.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use keymuster_service::edge::{self, BindFailure, Greetings, Limits};
use keymuster_service::{Stop, handed, notify};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::serving::{Board, Problem, Serving};
use crate::settings::{HostSettings, PORT_BUILT_IN};
use crate::tls::TlsReport;

/// What a message about the port tells people to change.
const SETTING: &str = "keymuster-host set port";
/// How long until a port that could not be listened on is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Listens for clients on a port of all addresses: of both families, where the machine has both.
pub async fn bind(port: u16) -> Result<TcpListener, BindFailure> {
    match edge::bind((Ipv6Addr::UNSPECIFIED, port).into(), SETTING).await {
        Ok(listener) => Ok(listener),
        Err(_) => edge::bind((Ipv4Addr::UNSPECIFIED, port).into(), SETTING).await,
    }
}

/// The port that counts.
pub fn port(settings: &HostSettings) -> u16 {
    settings.port.unwrap_or(PORT_BUILT_IN)
}

/// Those who answer clients, on one listener and on those before it until their last answers are out.
#[derive(Debug)]
pub struct Clients {
    router: Router,
    /// What they give, and the connections of all listeners.
    limits: Limits,
    greetings: Greetings,
    board: Board,
    serving: Serving,
    /// Ends the listener that is in use.
    current: Stop,
    listeners: JoinSet<()>,
}

impl Clients {
    /// Begins to answer on a listener, and tells so on the board.
    pub fn start(
        listener: TcpListener,
        router: Router,
        limits: Limits,
        greetings: Greetings,
        (board, serving): (Board, Serving),
    ) -> Clients {
        let (current, listeners) = (Stop::new(), JoinSet::new());
        let mut clients = Clients { router, limits, greetings, board, serving, current, listeners };
        clients.serve(listener);
        clients.tell();
        notify::ready(&clients.status());
        clients
    }

    /// Follows the port that is set until the stop, tells meanwhile how TLS is spoken, and returns when everybody has been
    /// answered.
    pub async fn follow(
        mut self,
        mut settings: watch::Receiver<HostSettings>,
        mut tls: watch::Receiver<TlsReport>,
        stop: Stop,
    ) {
        loop {
            tokio::select! {
                () = stop.asked() => break,
                Ok(()) = settings.changed() => {}
                Ok(()) = tls.changed() => {
                    self.serving.tls = Some(tls.borrow_and_update().clone());
                    self.tell();
                    continue;
                }
                () = tokio::time::sleep(RETRY), if self.serving.problem.is_some() => {}
            }
            let wanted = port(&settings.borrow_and_update());
            if !self.serving.is_fixed {
                self.move_to(wanted).await;
            }
        }
        self.current.now();
        while self.listeners.join_next().await.is_some() {}
    }

    async fn move_to(&mut self, port: u16) {
        let before = self.serving.clone();
        if port == before.clients.port() {
            self.serving.problem = None;
        } else {
            match bind(port).await {
                Ok(listener) => self.replace_by(listener),
                Err(failure) => self.stay(port, &failure),
            }
        }
        if self.serving != before {
            self.tell();
            notify::status(&self.status());
        }
    }

    fn replace_by(&mut self, listener: TcpListener) {
        let Ok(address) = listener.local_addr() else { return };
        tracing::info!(from = %self.serving.clients, to = %address, "clients are answered on another port");
        self.current.now();
        self.serving.clients = address;
        self.serving.problem = None;
        self.serve(listener);
    }

    fn stay(&mut self, port: u16, failure: &BindFailure) {
        let code = failure.code().map(|code| code.name.to_owned());
        let problem = Problem { port, code, detail: failure.to_string() };
        if self.serving.problem.as_ref() != Some(&problem) {
            let Problem { code, detail, .. } = &problem;
            let stays_on = self.serving.clients;
            tracing::error!(code, reason = detail, %stays_on, "cannot listen on the port that is set; trying again");
        }
        self.serving.problem = Some(problem);
    }

    fn serve(&mut self, listener: TcpListener) {
        self.current = Stop::new();
        self.listeners.spawn(edge::serve_greeted(
            listener,
            self.router.clone(),
            self.limits.clone(),
            self.greetings.clone(),
            self.current.clone(),
        ));
        // Those that have ended are forgotten.
        while self.listeners.try_join_next().is_some() {}
    }

    /// A board that cannot be written leaves others without news, and nobody without an answer.
    fn tell(&mut self) {
        if let Err(error) = self.board.tell(&self.serving) {
            tracing::warn!(%error, "cannot write down where this host listens");
        }
    }

    /// For whoever asks the service manager.
    fn status(&self) -> String {
        let Serving { clients, administration, problem, .. } = &self.serving;
        let problem = problem.as_ref().map(|problem| format!("; cannot listen on port {}", problem.port));
        format!("clients on {clients}, administration on {administration}{}", problem.unwrap_or_default())
    }
}

/// The clients' first listener, and whether it stays whatever port is set: the address of the command line, or else the
/// socket that the service manager handed over, or else the port that is set.
pub async fn bind_first(fixed: Option<SocketAddr>, settings: &HostSettings) -> anyhow::Result<(TcpListener, bool)> {
    if let Some(address) = fixed {
        return Ok((edge::bind(address, "--listen").await?, true));
    }
    match handed::listener().context("cannot take over the service manager's socket")? {
        Some(listener) => Ok((listener, true)),
        None => Ok((bind(port(settings)).await?, false)),
    }
}
