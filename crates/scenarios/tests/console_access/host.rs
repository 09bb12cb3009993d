//! The table of the host's console, beside what both consoles have. Add a line for each route that you add.

use keymuster_host::administration::{self, Administration};
use keymuster_host::engine::Engine;
use keymuster_host::pages::PRODUCT;
use keymuster_host::site::Home;
use keymuster_host::store;
use keymuster_scenarios::console::Console;
use keymuster_service::Env;
use keymuster_service::console::permission::Permission::{Handle, Keys, Look, Settings};
use keymuster_service::edge::Limits;

use super::people::People;
use super::{Admits, Line, Served, serve_router};
use Admits::{People as Persons, Programs};

pub const TABLE: &[Line] = &[
    ("GET", "/", Persons(Look)),
    ("GET", "/clients", Persons(Look)),
    ("GET", "/clients.csv", Persons(Look)),
    ("GET", "/clients.json", Persons(Look)),
    ("GET", "/clients/{publisher}/{client}", Persons(Look)),
    ("POST", "/clients/{publisher}/{client}/release", Persons(Handle)),
    ("POST", "/clients/{publisher}/{client}/keep", Persons(Handle)),
    ("GET", "/refusals", Persons(Look)),
    ("GET", "/seats", Persons(Look)),
    ("GET", "/seats/{publisher}/{pool}", Persons(Look)),
    ("GET", "/seats/{publisher}/{pool}/{client}", Persons(Handle)),
    ("POST", "/seats/{publisher}/{pool}/{client}", Persons(Handle)),
    ("GET", "/clones", Persons(Look)),
    ("GET", "/audit", Persons(Look)),
    ("GET", "/audit.csv", Persons(Look)),
    ("GET", "/audit.json", Persons(Look)),
    ("GET", "/dns", Persons(Look)),
    ("POST", "/dns/publish", Persons(Handle)),
    ("GET", "/dns/withdraw", Persons(Settings)),
    ("POST", "/dns/withdraw", Persons(Settings)),
    ("GET", "/keys", Persons(Look)),
    ("GET", "/keys/install", Persons(Keys)),
    ("POST", "/keys/install", Persons(Keys)),
    ("GET", "/keys/activate", Persons(Keys)),
    ("POST", "/keys/activate/online", Persons(Keys)),
    ("POST", "/keys/activate/response", Persons(Keys)),
    ("GET", "/keys/activate/request", Persons(Keys)),
    ("POST", "/keys/activate/request", Persons(Keys)),
    ("GET", "/keys/activate/request/file", Persons(Keys)),
    ("GET", "/keys/{publisher}/{key}/remove", Persons(Keys)),
    ("POST", "/keys/{publisher}/{key}/remove", Persons(Keys)),
    ("GET", "/products", Persons(Look)),
    ("GET", "/products/packs", Persons(Look)),
    ("POST", "/products/packs/import", Persons(Keys)),
    ("POST", "/products/packs/fetch", Persons(Keys)),
    ("POST", "/products/packs/publisher", Persons(Keys)),
    ("GET", "/exchange", Persons(Look)),
    ("POST", "/exchange/import", Persons(Handle)),
    ("GET", "/exchange/send", Persons(Handle)),
    ("POST", "/exchange/send", Persons(Handle)),
    ("POST", "/exchange/export", Persons(Handle)),
    ("GET", "/exchange/drop", Persons(Handle)),
    ("POST", "/exchange/drop", Persons(Handle)),
    ("GET", "/settings", Persons(Look)),
    ("GET", "/settings/{name}", Persons(Look)),
    ("POST", "/settings/{name}", Persons(Settings)),
    ("GET", "/metrics", Programs(Look)),
    ("GET", "/api/v1/overview", Programs(Look)),
    ("GET", "/api/v1/clients", Programs(Look)),
    ("GET", "/api/v1/clients/{publisher}/{client}", Programs(Look)),
    ("POST", "/api/v1/clients/{publisher}/{client}/release", Programs(Handle)),
    ("POST", "/api/v1/clients/{publisher}/{client}/keep", Programs(Handle)),
    ("GET", "/api/v1/clones", Programs(Look)),
    ("GET", "/api/v1/refusals", Programs(Look)),
    ("GET", "/api/v1/pools", Programs(Look)),
    ("GET", "/api/v1/pools/{publisher}/{pool}", Programs(Look)),
    ("POST", "/api/v1/pools/{publisher}/{pool}/{client}/reclaim", Programs(Handle)),
    ("GET", "/api/v1/audit", Programs(Look)),
    ("GET", "/api/v1/audit/export", Programs(Look)),
    ("GET", "/api/v1/dns", Programs(Look)),
    ("POST", "/api/v1/dns/publish", Programs(Handle)),
    ("POST", "/api/v1/dns/withdraw", Programs(Settings)),
    ("GET", "/api/v1/keys", Programs(Look)),
    ("POST", "/api/v1/keys", Programs(Keys)),
    ("GET", "/api/v1/keys/{publisher}/{key}", Programs(Look)),
    ("DELETE", "/api/v1/keys/{publisher}/{key}", Programs(Keys)),
    ("POST", "/api/v1/activation/online", Programs(Keys)),
    ("POST", "/api/v1/activation/request", Programs(Keys)),
    ("POST", "/api/v1/activation/response", Programs(Keys)),
    ("POST", "/api/v1/activation/pictures", Programs(Keys)),
    ("GET", "/api/v1/publishers", Programs(Look)),
    ("POST", "/api/v1/publishers", Programs(Keys)),
    ("GET", "/api/v1/publishers/{publisher}", Programs(Look)),
    ("GET", "/api/v1/packs", Programs(Look)),
    ("POST", "/api/v1/packs", Programs(Keys)),
    ("POST", "/api/v1/packs/fetch", Programs(Keys)),
    ("GET", "/api/v1/exchange", Programs(Look)),
    ("DELETE", "/api/v1/exchange", Programs(Handle)),
    ("POST", "/api/v1/exchange/export", Programs(Handle)),
    ("POST", "/api/v1/exchange/import", Programs(Handle)),
    ("POST", "/api/v1/exchange/send", Programs(Handle)),
    ("DELETE", "/api/v1/exchange/{client}", Programs(Handle)),
    ("GET", "/api/v1/settings", Programs(Look)),
    ("GET", "/api/v1/settings/{name}", Programs(Look)),
    ("PUT", "/api/v1/settings/{name}", Programs(Settings)),
    ("DELETE", "/api/v1/settings/{name}", Programs(Settings)),
    ("POST", "/api/v1/settings/{name}/preview", Programs(Look)),
];

/// Serves a host's console for as long as `work` takes.
pub fn serve(work: impl FnOnce(&Served)) {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path();
    let env = Env::system();
    let home = Home::open(data_dir, &env).unwrap();
    let host = home.site.host;
    let (engine, running) = Engine::start(home, data_dir, env.clone()).unwrap();
    let place = store::place(data_dir).unwrap();
    let administration = Administration::new(engine, (data_dir, place), host, Vec::new(), env.clone());
    serve_router(administration::routes(administration), Limits::default(), |address, routes| {
        let people = People::new(&data_dir.join(store::FILE_NAME), env, PRODUCT.cookie);
        work(&Served { console: Console::new("keymuster-host", address, data_dir), routes, people });
    });
    running.join().unwrap();
}
