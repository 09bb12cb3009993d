//! The table of the authority's console, beside what both consoles have. Add a line for each route that you add.

use std::process::Command;

use keymuster_authority::administration::{self, Administration};
use keymuster_authority::api::App;
use keymuster_authority::authority::Authority;
use keymuster_authority::data_dir::DataDir;
use keymuster_authority::pages::PRODUCT;
use keymuster_scenarios::console::Console;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::programs;
use keymuster_service::Env;
use keymuster_service::console::permission::Permission::{Handle, Keys, Look, Settings};

use super::people::People;
use super::{Admits, Line, Served, serve_router};
use Admits::{People as Persons, Programs};

pub const TABLE: &[Line] = &[
    ("GET", "/", Persons(Look)),
    ("GET", "/customers", Persons(Look)),
    ("GET", "/customers/{customer}", Persons(Look)),
    ("GET", "/keys", Persons(Look)),
    ("GET", "/keys/{key}", Persons(Look)),
    ("GET", "/keys/{key}/activations", Persons(Look)),
    ("GET", "/hosts", Persons(Look)),
    ("GET", "/hosts/{host}", Persons(Look)),
    ("GET", "/responses", Persons(Look)),
    ("GET", "/responses/{response}", Persons(Look)),
    ("GET", "/responses/{response}/file", Persons(Look)),
    ("GET", "/responses/{response}/codes/{number}", Persons(Look)),
    ("GET", "/refusals", Persons(Look)),
    ("GET", "/revocations", Persons(Look)),
    ("GET", "/pack", Persons(Look)),
    ("GET", "/pack/file", Persons(Look)),
    ("GET", "/audit", Persons(Look)),
    ("GET", "/add-customer", Persons(Keys)),
    ("POST", "/add-customer", Persons(Keys)),
    ("GET", "/mint-host-key", Persons(Keys)),
    ("POST", "/mint-host-key", Persons(Keys)),
    ("GET", "/mint-mak", Persons(Keys)),
    ("POST", "/mint-mak", Persons(Keys)),
    ("POST", "/responses", Persons(Handle)),
    ("GET", "/keys/{key}/revoke", Persons(Settings)),
    ("POST", "/keys/{key}/revoke", Persons(Settings)),
    ("GET", "/hosts/{host}/revoke", Persons(Settings)),
    ("POST", "/hosts/{host}/revoke", Persons(Settings)),
    ("GET", "/customers/{customer}/stop", Persons(Settings)),
    ("POST", "/customers/{customer}/stop", Persons(Settings)),
    ("POST", "/customers/{customer}/resume", Persons(Settings)),
    ("GET", "/proposals/{number}", Persons(Settings)),
    ("POST", "/proposals/{number}/confirm", Persons(Settings)),
    ("POST", "/proposals/{number}/withdraw", Persons(Settings)),
    ("GET", "/limits", Persons(Settings)),
    ("POST", "/limits", Persons(Settings)),
    ("GET", "/api/v1/overview", Programs(Look)),
    ("GET", "/api/v1/customers", Programs(Look)),
    ("POST", "/api/v1/customers", Programs(Keys)),
    ("GET", "/api/v1/customers/{customer}", Programs(Look)),
    ("POST", "/api/v1/customers/{customer}/stop", Programs(Settings)),
    ("POST", "/api/v1/customers/{customer}/resume", Programs(Settings)),
    ("GET", "/api/v1/keys", Programs(Look)),
    ("GET", "/api/v1/keys/{key}", Programs(Look)),
    ("GET", "/api/v1/keys/{key}/activations", Programs(Look)),
    ("POST", "/api/v1/keys/{key}/revoke", Programs(Settings)),
    ("POST", "/api/v1/host-keys", Programs(Keys)),
    ("POST", "/api/v1/maks", Programs(Keys)),
    ("GET", "/api/v1/hosts", Programs(Look)),
    ("GET", "/api/v1/hosts/{host}", Programs(Look)),
    ("POST", "/api/v1/hosts/{host}/revoke", Programs(Settings)),
    ("GET", "/api/v1/refusals", Programs(Look)),
    ("GET", "/api/v1/revocations", Programs(Look)),
    ("GET", "/api/v1/proposals", Programs(Look)),
    ("GET", "/api/v1/proposals/{number}", Programs(Look)),
    ("POST", "/api/v1/proposals/{number}/confirm", Programs(Settings)),
    ("POST", "/api/v1/proposals/{number}/withdraw", Programs(Settings)),
    ("GET", "/api/v1/limits", Programs(Look)),
    ("PUT", "/api/v1/limits", Programs(Settings)),
    ("GET", "/api/v1/responses", Programs(Look)),
    ("POST", "/api/v1/responses", Programs(Handle)),
    ("GET", "/api/v1/responses/{response}", Programs(Look)),
    ("GET", "/api/v1/responses/{response}/file", Programs(Look)),
    ("GET", "/api/v1/pack", Programs(Look)),
    ("GET", "/api/v1/pack/file", Programs(Look)),
    ("GET", "/api/v1/audit", Programs(Look)),
    ("GET", "/metrics", Programs(Look)),
];

/// Serves an authority's console for as long as `work` takes.
pub fn serve(work: impl FnOnce(&Served)) {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, passphrase) = (directory.path().join("data"), directory.path().join("passphrase"));
    std::fs::write(&passphrase, "only for tests of access\n").unwrap();
    let catalogue = directory.path().join("aurora.toml");
    std::fs::write(&catalogue, AURORA).unwrap();
    let run = |arguments: &[&str], file: &std::path::Path| {
        let mut command: Command = programs::command("keymuster-authority").unwrap();
        let output = command.arg("--data-dir").arg(&data_dir).args(arguments).arg(file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["init", "--publisher", "aurora", "--name", "Aurora", "--passphrase-file"], &passphrase);
    run(&["catalogue", "sign"], &catalogue);
    let (env, dir) = (Env::system(), DataDir::new(data_dir.clone()));
    let (authority, db) = Authority::load(&dir, env.clone()).unwrap();
    let administration = Administration::new(App::new(authority, db), &dir, Vec::new());
    let limits = administration::limits();
    serve_router(administration::routes(administration), limits, |address, routes| {
        let people = People::new(&dir.database(), env, PRODUCT.cookie);
        work(&Served { console: Console::new("keymuster-authority", address, &data_dir), routes, people });
    });
}
