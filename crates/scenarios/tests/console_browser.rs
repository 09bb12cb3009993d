//! The story of an administrator in a real browser, from the one-time token on the terminal to the end of the session.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::Place;
use keymuster_scenarios::browser::{Browser, key};
use keymuster_scenarios::console::PASSWORD;
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
    browser.wait_for("name, password or one-time code is wrong").unwrap();
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
