//! The story of an administrator in a real browser, from the one-time token on the terminal to the end of the session.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::Place;
use keymuster_client::Client;
use keymuster_scenarios::browser::{Browser, key};
use keymuster_scenarios::console::PASSWORD;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::fixture::Publisher;

#[test]
fn somebody_claims_the_console_and_leaves_it_without_a_mouse() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let token = host.running.line_after("one-time token ").unwrap();
    let browser = Browser::start().unwrap();
    let base = format!("http://{}", host.administration);
    browser.open(&format!("{base}/sign-in")).unwrap();

    // Whoever has no mouse comes from field to field in the order in which they are read.
    browser.find("heading", "First administrator").unwrap();
    browser.field("One-time token").unwrap().click().unwrap();
    let keys = [&token, key::TAB, "ada", key::TAB, PASSWORD, key::TAB, PASSWORD, key::ENTER].concat();
    browser.type_keys(&keys).unwrap();
    browser.wait_until("the way in", || Ok((!browser.url()?.contains("/claim")).then_some(()))).unwrap();
    browser.open(&format!("{base}/codes")).unwrap();
    assert_eq!(browser.obstacles().unwrap(), [""; 0]);

    // The first thing that the tabulator reaches leads past the navigation.
    browser.type_keys(key::TAB).unwrap();
    let skip = browser.focused().unwrap();
    assert_eq!((skip.role().unwrap(), skip.name().unwrap()), ("link".into(), "Skip to the content".into()));
    browser.type_keys(key::ENTER).unwrap();
    assert!(browser.url().unwrap().ends_with("#main"), "{:?}", browser.url());

    browser.open(&format!("{base}/audit")).unwrap();
    browser.wait_for("claim offered").unwrap();
    let cookies = browser.cookies().unwrap();
    let [session] = &cookies[..] else { panic!("{cookies:?}") };
    assert_eq!((&session["httpOnly"], &session["sameSite"]), (&true.into(), &"Strict".into()));
    assert_eq!(browser.run("return document.cookie").unwrap(), "", "no script sees it");

    let menu = browser.select(".side-foot summary").unwrap();
    menu.click().unwrap();
    browser.press("Sign out").unwrap();
    browser.find("heading", "Sign in").unwrap();

    // Going back shows nothing that was there, nor does the cookie, had somebody copied it.
    browser.back().unwrap();
    browser.find("heading", "Sign in").unwrap();
    assert!(!browser.text().unwrap().contains("claim offered"));
    browser.set_cookie(session["name"].as_str().unwrap(), session["value"].as_str().unwrap()).unwrap();
    browser.open(&format!("{base}/audit")).unwrap();
    browser.find("heading", "Sign in").unwrap();

    browser.fill("Name", "ada").unwrap();
    browser.fill("Password", "not the lamp").unwrap();
    browser.press("Sign in").unwrap();
    browser.wait_for("Name, password or one-time code is wrong").unwrap();
    assert_eq!(browser.field("Name").unwrap().value().unwrap(), "ada");
    assert_eq!(browser.field("Password").unwrap().value().unwrap(), "");
    browser.fill("Password", PASSWORD).unwrap();
    browser.press("Sign in").unwrap();
    browser.wait_for("claim offered").unwrap();
    assert!(browser.url().unwrap().ends_with("/audit"), "to where it wanted to go");
    let complaints = browser.complaints().unwrap();
    let expected = |complaint: &&String| !complaint.contains("422");
    assert_eq!(complaints.iter().filter(expected).collect::<Vec<_>>(), [""; 0]);
    host.stop();
}

/// A publisher's authority, and a host that knows the publisher and nothing more; somebody has signed in to its console.
struct Estate {
    directory: tempfile::TempDir,
    authority: Authority,
    host: Host,
    browser: Browser,
}

impl Estate {
    fn new() -> Estate {
        let directory = tempfile::tempdir().unwrap();
        let (authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let mut host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        host.start().unwrap();
        let browser = Browser::start().unwrap();
        browser.open(&format!("{}/sign-in", host.administration)).unwrap();
        browser.fill("One-time token", &host.claim_token().unwrap()).unwrap();
        browser.fill("Name", "ada").unwrap();
        browser.fill("New password", PASSWORD).unwrap();
        browser.fill("The same again", PASSWORD).unwrap();
        browser.press("Become administrator").unwrap();
        browser.find("heading", "Overview").unwrap();
        Estate { directory, authority, host, browser }
    }

    fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.host.administration)).unwrap();
    }

    /// Installs a host key and has the authority entitle the host, both in the console.
    fn install(&self, group: &str, more: &[&str]) {
        let key = self.authority.mint_host_key(group, more).unwrap();
        self.open("/keys/install");
        self.browser.fill("Host key", &key).unwrap();
        self.browser.press("Install the key").unwrap();
        self.browser.wait_for(&key[key.len() - 5..]).unwrap();
        assert!(!self.browser.html().unwrap().contains(&key), "the key is not shown again");
        self.open("/keys/activate");
        self.browser.press("Ask the authority now").unwrap();
        self.browser.wait_for("Activated until").unwrap();
    }

    fn client(&self, name: &str, edition: &str) -> Client {
        let store = self.directory.path().join("machines").join(name);
        self.host.client(&store, self.authority.product(edition).unwrap()).unwrap()
    }
}

#[test]
fn clients_muster_before_the_eyes_of_an_administrator() {
    let mut estate = Estate::new();
    estate.install("server-c-2026", &[]);
    let browser = &estate.browser;

    // The page stays, and what it shows moves.
    estate.open("/");
    browser.run("globalThis.stayed = true").unwrap();
    let machines: Vec<_> = (1..=5).map(|n| estate.client(&format!("server-{n}"), "server-standard-2026")).collect();
    for machine in &machines[..3] {
        machine.activate().unwrap_err();
    }
    browser.wait_for("2 to come to 5").unwrap();
    for machine in &machines[3..] {
        let _ = machine.activate();
    }
    browser.wait_for("5 is reached").unwrap();
    assert_eq!(browser.run("return globalThis.stayed").unwrap(), true);
    assert_eq!(browser.complaints().unwrap(), [""; 0]);

    // One of them, found by its id.
    let id = machines[4].status().client.unwrap().to_string();
    estate.open("/clients");
    browser.fill("Search", &id[..8]).unwrap();
    browser.press("Filter").unwrap();
    let rows = || browser.run("return document.querySelectorAll('tbody tr').length");
    browser.wait_until("one row", || Ok((rows()? == 1).then_some(()))).unwrap();
    browser.select("tbody tr a").unwrap().click().unwrap();
    browser.wait_for(&id).unwrap();
    browser.wait_for("Lease granted").unwrap();

    // The first ones were refused, and the page says why in words.
    estate.open("/refusals");
    browser.select("a.code").unwrap().click().unwrap();
    browser.find("heading", "What to do").unwrap();
    browser.wait_for("threshold-not-met").unwrap();

    estate.open("/clients");
    browser.follow("Export CSV").unwrap();
    let csv = std::fs::read_to_string(browser.download("clients.csv").unwrap()).unwrap();
    assert_eq!(csv.lines().count(), 1 + 5, "{csv}");
    assert!(csv.contains(&id), "{csv}");
    estate.host.stop().unwrap();
}

#[test]
fn a_setting_shows_what_a_change_would_mean_before_it_is_made() {
    let mut estate = Estate::new();
    let browser = &estate.browser;
    estate.open("/settings/renewal-interval?publisher=aurora");
    browser.fill("Value", "soon").unwrap();
    browser.press("Show what would change").unwrap();
    browser
        .wait_until("the error beside the field", || Ok((browser.field("Value")?.value()? == "soon").then_some(())))
        .unwrap();
    assert_eq!(browser.field("Value").unwrap().attribute("aria-invalid").unwrap(), "true");
    browser.fill("Value", "3d").unwrap();
    browser.press("Show what would change").unwrap();
    browser.wait_for("What would change").unwrap();
    assert!(!browser.text().unwrap().contains("chosen by ada"), "nothing is changed yet");
    browser.press("Change it").unwrap();
    browser.wait_for("chosen by ada").unwrap();
    estate.open("/audit");
    browser.wait_for("renewal-interval").unwrap();
    estate.host.stop().unwrap();
}

#[test]
fn a_seat_is_reclaimed_with_a_reason() {
    let mut estate = Estate::new();
    estate.install("render-2026", &["--pool", "render-farm=2,term=1h,guard=1m"]);
    let browser = &estate.browser;
    let machines: Vec<_> = (1..=3).map(|n| estate.client(&format!("render-{n}"), "render-farm")).collect();
    let results: Vec<_> = machines.iter().map(Client::activate).collect();
    assert!(results[..2].iter().all(Result::is_ok) && results[2].is_err(), "two seats: {results:?}");
    estate.open("/seats");
    browser.follow("render-farm").unwrap();
    browser.wait_for("Refused for want of a seat").unwrap();
    browser.select(".row-actions a").unwrap().click().unwrap();
    browser.press("Reclaim the seat").unwrap();
    browser.wait_for("The seat was not reclaimed").unwrap();
    browser.fill("Reason", "the machine was <b>sold</b>").unwrap();
    browser.press("Reclaim the seat").unwrap();
    browser.wait_for("Reclaimed").unwrap();
    estate.open("/audit");
    browser.wait_for("the machine was <b>sold</b>").unwrap();
    estate.host.stop().unwrap();
}
