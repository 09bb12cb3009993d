//! What administrators reach, on port 1689: health for supervisors, the console, the administration interface.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::Method;
use axum::middleware;
use keymuster_core::bundle;
use keymuster_core::id::HostId;
use keymuster_service::console::description;
use keymuster_service::console::guard::guard;
use keymuster_service::console::idempotency::once;
use keymuster_service::console::{By, Console};
use keymuster_service::database::{Place, Pool};
use keymuster_service::edge::{Large, Limits, Open};
use keymuster_service::{Env, Problem, health, problem};

use crate::dns::Progress;
use crate::engine::Engine;
use crate::glance::Glance;
use crate::lookout::Lookout;
use crate::site::Home;
use crate::{acts, admin_api, metrics, pages, store};

/// The port on which administrators reach a host that was told no other.
pub const ADMINISTRATION_PORT: u16 = 1689;

/// What its handlers share.
#[derive(Clone, Debug)]
pub struct Administration {
    /// Accounts, sessions, the database.
    pub console: Console,
    /// Decides on the requests of clients, and knows the counts.
    pub engine: Engine,
    /// What is known of all clients together.
    pub glance: Glance,
    /// Where database and signing key are.
    pub data_dir: Arc<Path>,
    /// What DNS says.
    pub lookout: Lookout,
    /// How keeping the host in DNS goes.
    pub dns_progress: Progress,
    /// The connections of clients.
    pub open: Open,
}

impl FromRef<Administration> for Console {
    fn from_ref(app: &Administration) -> Console {
        app.console.clone()
    }
}

impl Administration {
    /// What administrators of the host in `data_dir` reach; browsers may use `names` beside those of the machine itself.
    pub fn new(
        engine: Engine,
        (data_dir, place): (&Path, Place),
        host: HostId,
        names: Vec<String>,
        env: Env,
    ) -> Administration {
        let pool = Pool::new(place, store::connect);
        let site = host.to_string()[..8].to_owned();
        let data_dir: Arc<Path> = data_dir.into();
        Administration {
            glance: Glance::new(engine.clone(), pool.clone(), env.clone()),
            lookout: Lookout::new(Arc::clone(&data_dir), env.clone()),
            console: Console::new(&pages::PRODUCT, site, names, pool, env),
            dns_progress: Progress::default(),
            open: Open::default(),
            engine,
            data_dir,
        }
    }

    /// Where acts that change DNS take place.
    pub fn dns_place(&self) -> acts::dns::Place {
        let (pool, env) = (self.console.pool().clone(), self.console.env().clone());
        acts::dns::Place { data_dir: Arc::clone(&self.data_dir), pool, env }
    }

    /// Runs an act on the open data directory, as a command does; the granting engine notices what has changed.
    pub async fn act<P, T, F>(&self, by: By<P>, act: F) -> Result<T, Problem>
    where
        P: Send + 'static,
        T: Send + 'static,
        F: FnOnce(&mut Home, &By<P>) -> anyhow::Result<T> + Send + 'static,
    {
        let (data_dir, env) = (Arc::clone(&self.data_dir), self.console.env().clone());
        let acted = tokio::task::spawn_blocking(move || act(&mut Home::open(&data_dir, &env)?, &by)).await;
        match acted {
            Ok(result) => result.map_err(Problem::from),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Licence packs, responses and results of an exchange are bundles; a form around one is a little longer.
const DOCUMENT_BYTES: usize = bundle::SIZE_MAX + 16 * 1024;
/// Several photographs of a large camera.
const PICTURES_BYTES: usize = 64 << 20;

/// What requests of administrators may take: those with documents or pictures more than the others, and those that wait for
/// an authority longer than it may take to answer.
pub fn limits() -> Limits {
    let secs = Duration::from_secs;
    let document = |path| Large { path, body_bytes: DOCUMENT_BYTES, body: secs(20), total: secs(30), at_once: 8 };
    let pictures = |path| Large { path, body_bytes: PICTURES_BYTES, body: secs(60), total: secs(150), at_once: 2 };
    let waiting = |path| Large { path, body_bytes: 64 * 1024, body: secs(5), total: secs(45), at_once: 8 };
    let exchange = |path| Large { total: secs(150), ..waiting(path) };
    let large = vec![
        document("/products/packs/import"),
        document("/products/packs/publisher"),
        document("/exchange/import"),
        document("/api/v1/packs"),
        document("/api/v1/publishers"),
        document("/api/v1/activation/response"),
        document("/api/v1/exchange/import"),
        pictures("/keys/activate/response"),
        pictures("/api/v1/activation/pictures"),
        waiting("/keys/activate/online"),
        waiting("/products/packs/fetch"),
        waiting("/api/v1/activation/online"),
        waiting("/api/v1/packs/fetch"),
        exchange("/exchange/send"),
        exchange("/api/v1/exchange/send"),
    ];
    Limits { large, ..Limits::default() }
}

/// Every route with its handler, and the list of all routes.
pub fn routes(app: Administration) -> (Router, Vec<(Method, String)>) {
    let (api, description) = admin_api::routes();
    let (router, mut table) = pages::routes()
        .get(keymuster_service::metrics::PATH, metrics::show)
        .and_described(api, &description)
        .into_parts();
    let engine = app.engine.clone();
    let ready = move || engine.probe().map_err(|unavailable| unavailable.to_string());
    table.extend(["/livez", "/readyz", description::PATH].map(|path| (Method::GET, path.to_owned())));
    // What nobody has is answered under the same conditions as what there is.
    let router = problem::with_fallbacks(router)
        // The edge has bounded every body.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.console.clone(), once))
        .layer(middleware::from_fn_with_state(app.console.clone(), guard))
        .with_state(app)
        // Supervisors ask under any name.
        .merge(health::router(ready));
    (problem::with_method_fallback(router), table)
}
