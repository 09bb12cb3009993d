//! A connection to one node of a PostgreSQL, which blocks while it is used, and never waits for a node that stands still.
//!
//! A machine whose programs stand still, or that is cut off, says nothing more: neither that it is gone nor what became of a
//! statement. Whoever waits long therefore asks it for another connection. A node that answers is busy, or waits for its
//! standbys, and is waited for; one that does not is given up.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::access::{Access, PATIENCE};
use crate::sql::{Error, Result};

/// PostgreSQL is content to commit without waiting for the standbys that it was told to wait for, and says so by this.
const WARNING: &str = "01000";
/// After how long without an answer a node is asked whether it is there, and how long it may take to say so. With the
/// connection that is tried then, a request is answered within the time that a server has for it.
const LOOK_AFTER: Duration = Duration::from_secs(3);
const LOOK_WITHIN: Duration = Duration::from_secs(4);
/// How long a standby that may be about to lead is left in peace.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A connection.
pub(super) struct Client {
    /// Taken at the end, which must not block.
    runtime: Option<Runtime>,
    client: tokio_postgres::Client,
    access: Access,
    /// The node that answered.
    node: Config,
    is_given_up: bool,
}

impl Client {
    /// Asks all nodes at once, and takes the first that can be written to. `has_warned` is set when a commit may not be safe.
    pub fn connect(access: &Access, has_warned: &Arc<AtomicBool>) -> Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Away(format!("no runtime for a connection: {error}")))?;
        match runtime.block_on(first(access, has_warned)) {
            Ok((client, node)) => {
                Ok(Client { runtime: Some(runtime), client, access: access.clone(), node, is_given_up: false })
            }
            Err(error) => {
                // A name that is still looked up is not waited for.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Whether it can be used no more.
    pub fn is_closed(&self) -> bool {
        self.is_given_up || self.client.is_closed()
    }

    pub fn execute(&mut self, statement: &Statement, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        self.wait(async |client| client.execute(statement, params).await)
    }

    pub fn query(&mut self, statement: &Statement, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.wait(async |client| client.query(statement, params).await)
    }

    /// Runs a query without parameters, of which nothing is kept.
    pub fn query_once(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.wait(async |client| client.query_typed(sql, &[]).await)
    }

    pub fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Statement> {
        self.wait(async |client| client.prepare_typed(sql, types).await)
    }

    /// Runs statements without parameters.
    pub fn batch(&mut self, sql: &str) -> Result<()> {
        self.wait(async |client| client.batch_execute(sql).await)
    }

    /// Waits for an answer, for as long as the node is there.
    fn wait<T>(
        &mut self,
        ask: impl AsyncFnOnce(&tokio_postgres::Client) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let runtime = self.runtime.as_ref().expect("it is taken at the end only");
        let answer = runtime.block_on(async {
            let mut answer = pin!(ask(&self.client));
            loop {
                match timeout(LOOK_AFTER, &mut answer).await {
                    Ok(answer) => return Some(answer),
                    Err(_) if is_there(&self.node, &self.access).await => {}
                    Err(_) => return None,
                }
            }
        });
        self.is_given_up |= answer.is_none();
        let answer = answer.ok_or_else(|| Error::Away("the server does not answer any more".to_owned()))?;
        Ok(answer?)
    }
}

/// What was under way is undone by the server when it finds the connection gone.
impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Asks every node; where none serves, each says why.
async fn first(access: &Access, has_warned: &Arc<AtomicBool>) -> Result<(tokio_postgres::Client, Config)> {
    let mut asked = JoinSet::new();
    for node in access.nodes()? {
        asked.spawn(open(node, access.clone(), Arc::clone(has_warned)));
    }
    let mut failed = Vec::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(failure)) => failed.push(failure),
            Err(error) => return Err(Error::Away(error.to_string())),
        }
    }
    match failed.len() {
        0 => Err(Error::Away("its address names no server".to_owned())),
        1 => Err(failed.remove(0).1),
        _ => {
            let each = failed.iter().map(|(node, error)| format!("{node}: {error}"));
            Err(Error::Away(each.collect::<Vec<_>>().join("; ")))
        }
    }
}

/// Connects to a node. A standby is asked again and again for a while, as it may be about to lead. A failure names the node.
async fn open(
    node: Config,
    access: Access,
    has_warned: Arc<AtomicBool>,
) -> std::result::Result<(tokio_postgres::Client, Config), (String, Error)> {
    let mut failed = Error::Away("it does not answer".to_owned());
    let asked = async {
        loop {
            match connect(&node, &access, Arc::clone(&has_warned)).await {
                Err(error) if is_standby(&error) => failed = error.into(),
                answer => return answer,
            }
            sleep(ASK_AGAIN).await;
        }
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(client)) => Ok((client, node)),
        Ok(Err(error)) => Err((name(&node), error.into())),
        Err(_) => Err((name(&node), failed)),
    }
}

/// The library says so in this way alone.
fn is_standby(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
}

fn name(node: &Config) -> String {
    match (node.get_hosts().first(), node.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        (Some(Host::Unix(path)), _) => path.display().to_string(),
        (None, Some(address)) => address.to_string(),
        (None, None) => String::new(),
    }
}

async fn connect(
    node: &Config,
    access: &Access,
    has_warned: Arc<AtomicBool>,
) -> std::result::Result<tokio_postgres::Client, tokio_postgres::Error> {
    match access.tls() {
        Some(tls) => {
            let (client, connection) = node.connect(MakeRustlsConnect::new(tls.clone())).await?;
            attend(connection, has_warned);
            Ok(client)
        }
        None => {
            let (client, connection) = node.connect(NoTls).await?;
            attend(connection, has_warned);
            Ok(client)
        }
    }
}

/// Carries what is said on a connection, until its end.
fn attend<S, T>(mut connection: Connection<S, T>, has_warned: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if matches!(message, AsyncMessage::Notice(notice) if notice.code().code() == WARNING) {
                has_warned.store(true, Ordering::Relaxed);
            }
        }
    });
}

/// Whether a node still says anything to who comes anew, be it that it takes nobody.
async fn is_there(node: &Config, access: &Access) -> bool {
    let mut node = node.clone();
    node.target_session_attrs(TargetSessionAttrs::Any);
    match timeout(LOOK_WITHIN, connect(&node, access, Arc::default())).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.code().is_some(),
        Err(_) => false,
    }
}
