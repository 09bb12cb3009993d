//! Every page of the consoles in every state, before a real browser: nothing that would keep somebody from using it.
//!
//! Held to WCAG 2.2 AA by axe, in light and in dark; to its width, from a telephone to a screen on a wall; to its size; and
//! to the content security policy, with which the pages are served here as by the programs.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use keymuster_scenarios::browser::{Browser, Look, Scheme};
use keymuster_scenarios::storybook::Storybook;

/// The most that a page may have, in bytes of HTML.
const PAGE_BYTES: u64 = 60_000;
const WIDTHS: [u32; 3] = [390, 1280, 2000];

#[test]
fn nothing_on_the_pages_of_the_host_keeps_anybody_from_using_them() {
    check("keymuster-host");
}

#[test]
fn nothing_on_the_pages_of_the_authority_keeps_anybody_from_using_them() {
    check("keymuster-authority");
}

fn check(program: &str) {
    let (storybook, browser) = (Storybook::open(program).unwrap(), Browser::start().unwrap());
    let mut findings = Vec::new();
    for (page, url) in &storybook.pages {
        let mut find = |what: &str, found: Vec<String>| {
            findings.extend(found.into_iter().map(|found| format!("{page}: {what}: {found}")));
        };
        let size = storybook.size(page).unwrap();
        if size > PAGE_BYTES {
            find("too large", vec![format!("{size} bytes")]);
        }
        browser.look(Look::default()).unwrap();
        browser.open(url).unwrap();
        find("light", browser.obstacles().unwrap());
        browser.look(Look { scheme: Scheme::Dark, ..Look::default() }).unwrap();
        find("dark", browser.obstacles_of_colour().unwrap());
        find("the browser complains", browser.complaints().unwrap());
        find("code in the page", browser.shape().unwrap().code);
        for width in WIDTHS {
            browser.look(Look { width, scheme: Scheme::Light }).unwrap();
            let overhang = browser.overhang().unwrap();
            if overhang > 0 {
                find("too wide", vec![format!("by {overhang} pixels in a window of {width}")]);
            }
        }
    }
    assert!(findings.is_empty(), "{} findings in {program}:\n{}", findings.len(), findings.join("\n"));
}
