//! The console before hostile pages, hostile networks and stolen cookies: what a browser would send for them is sent here.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::{Host, Place};
use keymuster_scenarios::console::{Answer, Console, PASSWORD, SignedIn};
use keymuster_scenarios::fixture::Publisher;

/// The headers of every answer, whatever was asked. A change of one is a decision, so they stand here once more.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

struct Estate {
    place: Place,
    host: Host,
    console: Console,
    olga: SignedIn,
}

impl Estate {
    fn new() -> Estate {
        let place = Place::new(Publisher::new(1, 1));
        let host = place.start();
        let console = host.console(&place.data_dir);
        let olga = console.with_account("olga", "administrator").unwrap();
        Estate { place, host, console, olga }
    }

    /// A request with Olga's cookie, and further headers.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [headers, &[("cookie", &self.olga.cookie), FORM]].concat();
        self.console.send(method, path, &headers, "").unwrap()
    }

    fn is_signed_in(&self) -> bool {
        self.olga.get("/audit").unwrap().status == 200
    }
}

fn code(answer: &Answer) -> String {
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_answer_carries_the_headers_that_keep_others_out() {
    let estate = Estate::new();
    let asked = [
        ("GET", "/audit"),
        ("GET", "/sign-in"),
        ("GET", "/assets/console.css"),
        ("GET", "/assets/console.js"),
        ("GET", "/codes"),
        ("GET", "/api/v1/audit"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/nowhere"),
        ("POST", "/sign-out"),
        ("DELETE", "/audit"),
    ];
    for (method, path) in asked {
        let answer = estate.send(method, path, &[]);
        for (name, value) in HEADERS {
            assert_eq!(answer.header(name), value, "{name} of {method} {path}: {answer:?}");
        }
        let may_be_kept = path.starts_with("/assets/") || path.ends_with("openapi.json");
        assert!(may_be_kept || answer.header("cache-control") == "no-store", "{method} {path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{method} {path}");
        assert_eq!(answer.header("server"), "", "{method} {path}");
    }
    estate.host.stop();
}

#[test]
fn a_foreign_page_cannot_act_with_the_cookie_of_somebody_who_visits_it() {
    let estate = Estate::new();
    let own = format!("http://{}", estate.console.address);
    let port = estate.console.address.port();
    let other_port = format!("http://127.0.0.1:{}", port - 1);
    let lookalike = format!("{own}.evil.example");
    let foreign: [&[(&str, &str)]; 9] = [
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", &other_port)],
        &[("origin", &lookalike)],
        &[("origin", "null")],
        &[("referer", &own)],
        &[],
    ];
    for headers in foreign {
        let answer = estate.send("POST", "/sign-out", headers);
        assert_eq!((answer.status, code(&answer).as_str()), (403, "cross-site"), "{headers:?}: {answer:?}");
        assert!(estate.is_signed_in(), "{headers:?}");
    }
    // A link on a foreign page may lead here, but does nothing; SameSite=Strict keeps the cookie back besides.
    for path in ["/sign-out", "/audit"] {
        estate.send("GET", path, &[("sec-fetch-site", "cross-site")]);
        assert!(estate.is_signed_in(), "GET {path}");
    }
    // A cookie is no token, and a foreign page cannot send one: asking for it needs what no answer allows.
    let answer = estate.send("GET", "/api/v1/audit", &[]);
    assert_eq!((answer.status, code(&answer).as_str()), (401, "not-signed-in"));
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let answer = estate.send("OPTIONS", "/api/v1/audit", &preflight);
    assert_eq!(answer.header("access-control-allow-methods"), "");
    let answer = estate.send("POST", "/sign-out", &[("origin", &own), ("sec-fetch-site", "same-origin")]);
    assert_eq!(answer.status, 303);
    assert!(!estate.is_signed_in());
    estate.host.stop();
}

#[test]
fn a_name_that_was_bent_to_this_machine_is_turned_away() {
    let estate = Estate::new();
    let port = estate.console.address.port();
    for name in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "localhost.", "x@localhost"]
    {
        for path in ["/audit", "/sign-in", "/api/v1/audit", "/assets/console.js"] {
            let answer = estate.send("GET", path, &[("host", &format!("{name}:{port}"))]);
            assert_eq!((answer.status, code(&answer).as_str()), (421, "name-not-allowed"), "{name}{path}: {answer:?}");
            assert!(!answer.body.contains(name), "{answer:?}");
        }
    }
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(estate.send("GET", "/audit", &[("host", &format!("{name}:{port}"))]).status, 200, "{name}");
    }
    estate.host.stop();
}

#[test]
fn a_session_is_begun_by_the_server_alone_and_ends_there() {
    let estate = Estate::new();
    let cookie = |answer: &Answer| answer.header("set-cookie").to_owned();
    let enter = |held: &str, then: &str| {
        let form = [("name", "olga"), ("password", PASSWORD), ("then", then)];
        estate.console.post("/sign-in", held, &form).unwrap()
    };

    // What an attacker planted in the browser beforehand is not what the session gets.
    let planted = "keymuster-host=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(estate.console.send("GET", "/audit", &[("cookie", planted)], "").unwrap().status, 303);
    let answer = enter(planted, "/");
    assert_eq!(answer.status, 303);
    assert!(!cookie(&answer).contains(planted), "{answer:?}");
    assert_eq!(estate.console.send("GET", "/audit", &[("cookie", planted)], "").unwrap().status, 303);
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie(&answer).split("; ").any(|part| part == flag), "{flag}: {answer:?}");
    }
    assert!(!cookie(&answer).contains("Domain"), "{answer:?}");
    assert!(!cookie(&answer).contains("Max-Age") && !cookie(&answer).contains("Expires"), "{answer:?}");

    // Signing in anew from the same browser ends the session before.
    let first = answer.cookie().unwrap();
    let second = enter(&first, "/").cookie().unwrap();
    assert_ne!(first, second);
    let audit = |cookie: &str| estate.console.send("GET", "/audit", &[("cookie", cookie)], "").unwrap().status;
    assert_eq!((audit(&first), audit(&second)), (303, 200));

    // Ended on the server: a copy of the cookie is worth nothing.
    let own = format!("http://{}", estate.console.address);
    let headers = [("cookie", second.as_str()), ("origin", &own), FORM];
    let answer = estate.console.send("POST", "/sign-out", &headers, "").unwrap();
    assert!(cookie(&answer).contains("Max-Age=0"), "{answer:?}");
    assert_eq!(audit(&second), 303);

    // Nobody is led to another server by way of signing in.
    for then in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "javascript:hit()",
    ] {
        let answer = enter("", then);
        let to = answer.header("location");
        assert!(
            to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.contains(':'),
            "{then} to {to}"
        );
    }
    estate.host.stop();
}

#[test]
fn a_copy_of_the_database_opens_no_session() {
    let estate = Estate::new();
    let (_, secret) = estate.olga.cookie.split_once('=').unwrap();
    let token = estate.console.token("olga", &["look"]).unwrap();
    let read = |name: &str| std::fs::read(estate.place.data_dir.join(name)).unwrap();
    let bytes = [read("host.db"), read("host.db-wal")].concat();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("olga"));
    for (what, hidden) in [("session", secret), ("token", token.as_str()), ("password", PASSWORD)] {
        assert!(!has(hidden), "the {what} stands in the database");
    }
    estate.host.stop();
}

#[test]
fn clients_do_not_reach_the_console() {
    let estate = Estate::new();
    for path in ["/", "/audit", "/sign-in", "/api/v1/audit", "/api/v1/openapi.json", "/assets/console.css"] {
        let answer = estate.host.get(estate.host.clients, path);
        assert_eq!(answer.status, 404, "{path}");
    }
    estate.host.stop();
}
