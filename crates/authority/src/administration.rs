//! What administrators reach, on port 1691: health for supervisors, the console, the administration interface.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::http::Method;
use axum::middleware;
use keymuster_core::time::Timestamp;
use keymuster_service::console::description;
use keymuster_service::console::guard::guard;
use keymuster_service::console::idempotency::once;
use keymuster_service::console::{By, Console};
use keymuster_service::database::{Place, Pool};
use keymuster_service::edge::{Large, Limits};
use keymuster_service::sql::{Connection, Transaction};
use keymuster_service::{Problem, health, problem};
use tokio::sync::watch;

use crate::api::App;
use crate::authority::Authority;
use crate::certificates::Shown;
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::{admin_api, metrics, pages, store};

/// The port on which administrators reach an authority that was told no other.
pub const ADMINISTRATION_PORT: u16 = 1691;

/// The most bytes of a request that is carried here: photographs of all its codes.
pub const UPLOAD_BYTES_MAX: usize = keymuster_qr::PICTURE_MAX;
/// The most bytes of other bodies: a file of Keymuster in Base64, in JSON.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What its handlers share.
#[derive(Clone, Debug)]
pub struct Administration {
    /// Accounts, sessions, the database.
    pub console: Console,
    /// The authority at work, with the issuer key.
    pub app: Arc<App>,
    /// When it was started.
    pub started_at: Timestamp,
    /// The certificate that is shown; absent where no TLS is spoken.
    pub certificate: watch::Receiver<Option<Shown>>,
}

impl FromRef<Administration> for Console {
    fn from_ref(app: &Administration) -> Console {
        app.console.clone()
    }
}

impl Administration {
    /// What administrators of an authority reach; browsers may use `names` beside those of the machine itself.
    pub fn new(app: Arc<App>, dir: &DataDir, names: Vec<String>) -> Administration {
        let pool = Pool::new(Place::File(dir.database()), store::open_place);
        let site = app.authority().publisher.slug.to_string();
        let env = app.authority().env.clone();
        let started_at = env.now();
        let console = Console::new(&pages::PRODUCT, site, names, pool, env);
        Administration { console, app, started_at, certificate: watch::channel(None).1 }
    }

    /// Runs an act with the database to itself, as the requests of hosts and clients do.
    pub async fn act<P, T, F>(&self, by: By<P>, act: F) -> Result<T, Problem>
    where
        P: Send + 'static,
        T: Send + 'static,
        F: FnOnce(&Authority, &mut Connection, &By<P>) -> Result<T, Error> + Send + 'static,
    {
        let app = Arc::clone(&self.app);
        let acted = tokio::task::spawn_blocking(move || app.act(|authority, db| act(authority, db, &by))).await;
        match acted {
            Ok(result) => result.map_err(Error::into_problem),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Loads a view, beside whatever else goes on.
    pub async fn look<T, F>(&self, view: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Authority, &Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        let app = Arc::clone(&self.app);
        let loaded = self.console.pool().read(move |tx| view(app.authority(), tx)).await;
        loaded.map_err(Error::into_problem)
    }
}

/// What requests may take: one that is carried here more than the others.
pub fn limits() -> Limits {
    let (body, total) = (Duration::from_secs(60), Duration::from_secs(120));
    let large = Large { path: pages::responses::PATH, body_bytes: UPLOAD_BYTES_MAX, body, total, at_once: 2 };
    Limits { body_bytes: BODY_BYTES_MAX, large: vec![large], ..Limits::default() }
}

/// Every route with its handler, and the list of all routes.
pub fn routes(app: Administration) -> (Router, Vec<(Method, String)>) {
    let (api, description) = admin_api::routes();
    let (router, mut table) = pages::routes()
        .get(keymuster_service::metrics::PATH, metrics::show)
        .and_described(api, &description)
        .into_parts();
    let ready = Arc::clone(&app.app);
    let ready = move || ready.check_ready().map_err(|error| error.to_string());
    table.extend(["/livez", "/readyz", description::PATH].map(|path| (Method::GET, path.to_owned())));
    // What nobody has is answered under the same conditions as what there is.
    let router = problem::with_fallbacks(router)
        .layer(middleware::from_fn_with_state(app.console.clone(), once))
        .layer(middleware::from_fn_with_state(app.console.clone(), guard))
        .with_state(app)
        // Supervisors ask under any name.
        .merge(health::router(ready));
    (problem::with_method_fallback(router), table)
}
