//! The browser of the tests sees what people see, and notices what it is there to notice.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::net::SocketAddr;

use axum::Router;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use axum::response::Html;
use axum::routing::get;
use keymuster_scenarios::browser::{Browser, Look, Scheme, key};

const PAGE: &str = "<!doctype html><html lang=en><title>Muster</title><main><h1>Muster</h1>
<form action=/done><label for=name>Your name</label><input id=name name=name>
<label>Colour <select name=colour><option>red<option>green</select></label>
<label>Secret <input type=password name=secret></label><button>Go on</button></form>
<p id=late></p><a href=/file>Export</a><a href=/bad>Bad</a></main>
<script>setTimeout(() => { late.innerHTML = '<button>Too late?</button>' }, 100)</script>";

const BAD: &str = "<!doctype html><html lang=en><title>Bad</title><main><h1>Bad</h1>
<style>p { color: #aaa; background: #bbb; width: 3000px }</style><p onclick='go()'>Hard to read</p><input>
<a href='javascript:go()'>Go</a><img src=/missing.png alt=''></main>";

const DARK: &str = "<!doctype html><html lang=en><title>Dark</title>
<style>body { background: white } @media (prefers-color-scheme: dark) { body { background: black } }</style>";

/// Again and again, as the browser does not tell of every long task from the time before it was asked.
const BUSY: &str = "<script>
    setInterval(() => { const end = Date.now() + 400; while (Date.now() < end); }, 600)
</script>";

/// Serves a few pages for as long as the test runs.
fn serve() -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let strict = [(CONTENT_SECURITY_POLICY, "default-src 'none'; require-trusted-types-for 'script'")];
    let file = [(CONTENT_DISPOSITION, "attachment; filename=\"export.csv\"")];
    let routes = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/bad", get(Html(BAD)))
        .route("/dark", get(Html(DARK)))
        .route("/strict", get((strict, Html(BAD))))
        .route("/busy", get(Html(BUSY)))
        .route("/done", get(Html("<title>Done</title><p>Done")))
        .route("/file", get((file, "a,b\n")));
    std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, routes).await }));
    address
}

#[test]
fn people_and_the_browser_call_things_the_same() {
    let (browser, base) = (Browser::start().unwrap(), serve());
    browser.open(&format!("http://{base}/")).unwrap();
    browser.fill("Your name", "Ada").unwrap();
    browser.fill("Secret", "hush").unwrap();
    browser.field("Colour").unwrap().choose("green").unwrap();
    browser.find("button", "Too late?").unwrap();
    browser.find("button", "Go on").unwrap();
    assert_eq!(browser.field("Your name").unwrap().value().unwrap(), "Ada");

    browser.select("#name").unwrap().click().unwrap();
    browser.type_keys(key::TAB).unwrap();
    assert_eq!(browser.focused().unwrap().name().unwrap(), "Colour");
    browser.type_keys(&[key::SHIFT, key::TAB, key::SHIFT].concat()).unwrap();
    assert_eq!(browser.focused().unwrap().role().unwrap(), "textbox");
    browser.type_keys(&["\u{e010} L", key::ENTER].concat()).unwrap();
    browser.wait_for("Done").unwrap();
    assert_eq!(browser.url().unwrap(), format!("http://{base}/done?name=Ada+L&colour=green&secret=hush"));

    browser.back().unwrap();
    browser.follow("Export").unwrap();
    assert_eq!(std::fs::read_to_string(browser.download("export.csv").unwrap()).unwrap(), "a,b\n");
    assert_eq!(browser.title().unwrap(), "Muster");
}

#[test]
fn what_is_wrong_with_a_page_is_noticed() {
    let (browser, base) = (Browser::start().unwrap(), serve());
    browser.open(&format!("http://{base}/")).unwrap();
    assert_eq!(browser.obstacles().unwrap(), [""; 0]);
    let complaints = browser.complaints().unwrap();
    assert!(complaints.iter().all(|complaint| complaint.contains("favicon")), "{complaints:?}");
    assert!(browser.longest_task().unwrap() <= 200);

    browser.open(&format!("http://{base}/bad")).unwrap();
    let obstacles = browser.obstacles().unwrap();
    let found = |rule: &str| obstacles.iter().any(|obstacle| obstacle.starts_with(rule));
    assert!(found("color-contrast") && found("label"), "{obstacles:?}");
    assert!(browser.complaints().unwrap().iter().any(|complaint| complaint.contains("missing.png")));
    assert_eq!(browser.complaints().unwrap(), [""; 0]);
    assert!(browser.overhang().unwrap() > 1000);
    let shape = browser.shape().unwrap();
    assert!(shape.elements.contains(&"3 p onclick".to_owned()), "{shape:?}");
    assert_eq!(shape.code.len(), 3, "{shape:?}");

    // What the policy stops is reported, and the checks themselves work under the strictest.
    browser.open(&format!("http://{base}/strict")).unwrap();
    let complaints = browser.complaints().unwrap();
    assert!(complaints.iter().any(|complaint| complaint.contains("Content Security Policy")), "{complaints:?}");
    assert!(!browser.obstacles().unwrap().is_empty());

    browser.open(&format!("http://{base}/busy")).unwrap();
    let is_busy = || Ok((browser.longest_task()? > 200).then_some(()));
    browser.wait_until("a long task", is_busy).unwrap();
}

#[test]
fn a_window_has_any_width_and_either_scheme() {
    let (browser, base) = (Browser::start().unwrap(), serve());
    browser.open(&format!("http://{base}/dark")).unwrap();
    let mut pictures = Vec::new();
    for (width, scheme) in [(390, Scheme::Light), (2000, Scheme::Light), (2000, Scheme::Dark)] {
        browser.look(Look { width, scheme }).unwrap();
        assert_eq!(browser.run("return innerWidth").unwrap(), width);
        let background = browser.run("return getComputedStyle(document.body).backgroundColor").unwrap();
        assert_eq!(background == "rgb(0, 0, 0)", scheme == Scheme::Dark);
        let picture = browser.picture().unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        pictures.push(picture);
    }
    pictures.dedup();
    assert_eq!(pictures.len(), 3);
}
