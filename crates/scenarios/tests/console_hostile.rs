//! Whatever somebody puts where a text is expected, it stays text: on every page of a host's console, in every form.
//!
//! A browser walks through the console of a host on which everything that can be named has a hostile name, and through that
//! of a host with harmless names. Markup that only the first has came from a name. `hostile/strings.txt` has the names.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Host, Place};
use keymuster_core::document::payload;
use keymuster_core::id::Label;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_scenarios::browser::{Browser, Shape};
use keymuster_scenarios::console::Console;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_service::Env;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Every kind of quote and bracket at once, for the few names of which a host has one.
const WORST: &str = "'\"`><script>hit()</script><img src=x onerror=hit()></title>{{7*7}}${7*7}&lt;b&gt;";
/// An edition of the sample catalogue that a MAK activates.
const MAK_EDITION: &str = "desk-enterprise-2026";
/// Pages that are visited of each kind, such as those of single clients.
const VISITS: usize = 3;
/// Visits of pages with a name of their own, such as the list of clients, which has many pages.
const LIST_VISITS: usize = 10;
/// What stands in an address may be this long, in bytes; longer texts are sent in forms.
const ADDRESS_BYTES: usize = 1500;
/// The most that a form may have.
const BODY_BYTES: usize = 60_000;
/// Acts that ask other servers, which are none of the page's business and take their time.
const OUTWARD: [&str; 4] = ["/keys/activate/online", "/products/packs/fetch", "/dns", "/exchange/send"];
/// Requests that the browser is given at once.
const BATCH: usize = 100;

fn strings() -> Vec<String> {
    let lines = include_str!("hostile/strings.txt").lines().filter(|line| !line.starts_with('#'));
    let string = |line: &str| match serde_json::from_str(line).unwrap() {
        Value::Array(parts) => parts[0].as_str().unwrap().repeat(parts[1].as_u64().unwrap() as usize),
        one => one.as_str().unwrap().to_owned(),
    };
    lines.map(string).collect()
}

/// A host on which everything has the names of a list, and a browser that has signed in to its console.
struct Estate {
    host: Host,
    visitor: Visitor,
    /// Kept for as long as the host runs.
    _place: Place,
}

impl Estate {
    fn new(called: &str, names: &[Label]) -> Estate {
        let mut publisher = Publisher::new(5, 3);
        publisher.called = Some(called.parse().unwrap());
        let place = Place::new(publisher);
        let host = place.start();
        let mut connection = host.connect();
        for (number, name) in (0..).zip(names) {
            let mut machine = Machine::numbered(number);
            let edition = if number % 2 == 0 { VOLUME_EDITION } else { SEAT_EDITION };
            let named = |label: &Label| Some(label.clone());
            let asked = place.ask(&mut machine, Act::Activate, edition);
            let asked = ClientRequest { name: named(name), system: named(name), product_version: named(name), ..asked };
            connection.post("/v1/activate", &machine.sign(asked)).unwrap();
        }
        let visitor = Visitor::new(&host.console(&place.data_dir));
        Estate { host, visitor, _place: place }
    }
}

/// An authority whose customers and whose machines, activated and refused, have the names of a list.
struct Publishing {
    visitor: Visitor,
    _authority: Authority,
    _directory: TempDir,
}

impl Publishing {
    fn new(called: &str, names: &[Label]) -> Publishing {
        let directory = tempfile::tempdir().unwrap();
        let (authority, _) = Authority::start(directory.path(), "aurora", called, AURORA, 0).unwrap();
        let console = authority.console().unwrap();
        let visitor = Visitor::new(&console);
        let bearer = format!("Bearer {}", console.token("olga", &["look", "handle", "keys"]).unwrap());
        let mak = authority.mint_mak(MAK_EDITION, u32::try_from(names.len() / 2).unwrap()).unwrap();
        let edition = authority.product(MAK_EDITION).unwrap().edition().number;
        let mut connection = Connection::open(authority.url.strip_prefix("http://").unwrap().parse().unwrap()).unwrap();
        for (number, name) in (0..).zip(names) {
            let customer = json!({ "customer": format!("c{number}"), "name": name.as_str() }).to_string();
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let added = console.send("POST", "/api/v1/customers", &headers, &customer).unwrap();
            assert_eq!(added.status, 201, "{added:?}");
            let machine = &mut Machine::numbered(number);
            let asked = machine.ask(Act::Mak, &"aurora".parse().unwrap(), edition, &Env::system());
            let asked = ClientRequest { name: Some(name.clone()), key: Some(mak.parse().unwrap()), ..asked };
            connection.post("/v1/activate", &machine.sign(asked)).unwrap();
        }
        Publishing { visitor, _authority: authority, _directory: directory }
    }
}

/// A browser that has signed in to a console.
struct Visitor {
    browser: Browser,
    base: String,
}

impl Visitor {
    fn new(console: &Console) -> Visitor {
        let visitor = Visitor { browser: Browser::start().unwrap(), base: format!("http://{}", console.address) };
        let signed_in = console.with_account("olga", "administrator").unwrap();
        let (name, secret) = signed_in.cookie.split_once('=').unwrap();
        visitor.browser.open(&format!("{}/sign-in", visitor.base)).unwrap();
        visitor.browser.set_cookie(name, secret).unwrap();
        visitor
    }

    /// Goes wherever a link leads.
    fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let mut todo = vec!["/".to_owned(), "/audit".to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(path) = todo.pop() {
            if !seen.insert(path.clone()) || !walk.is_worth(&path) {
                continue;
            }
            self.browser.open(&format!("{}{path}", self.base)).unwrap();
            assert!(!self.browser.url().unwrap().contains("/sign-in"), "{path} signs out");
            self.check_here(&path);
            walk.note(&path, self.browser.shape().unwrap());
            let found = self.browser.run(LINKS_AND_FORMS).unwrap();
            todo.extend(list(&found["links"]).filter(|link| is_page(link)));
            for form in found["forms"].as_array().unwrap() {
                let form = Form::new(&path, form);
                walk.forms.insert(form.pattern(), form);
            }
        }
        walk
    }

    /// Nothing ran, and the browser has nothing to complain about.
    fn check_here(&self, path: &str) {
        assert_eq!(self.browser.run("return globalThis.hit ?? null").unwrap(), Value::Null, "code ran at {path}");
        let mut complaints = self.browser.complaints().unwrap();
        // Whether links lead somewhere is another question.
        complaints.retain(|complaint| !complaint.contains("Failed to load resource"));
        assert_eq!(complaints, [""; 0], "at {path}");
    }

    /// Sends requests from a page, and notes the markup of the answers.
    fn ask(&self, walk: &mut Walk, requests: &[(String, Option<String>)]) {
        for some in requests.chunks(BATCH) {
            self.browser.open(&format!("{}/audit", self.base)).unwrap();
            let answers = self.browser.shapes(some).unwrap();
            for ((path, form), (status, shape)) in some.iter().zip(answers) {
                let shown: String = form.iter().chain([path]).flat_map(|text| text.chars().take(300)).collect();
                // Of what is far too long the server reads no more than it has to, and hangs up.
                let is_endless = form.iter().any(|form| form.len() > BODY_BYTES);
                assert!((200..500).contains(&status) || is_endless, "{status} for {shown}");
                walk.note(&shown, shape);
            }
        }
    }
}

const LINKS_AND_FORMS: &str = "
    const fields = (form) => [...form.elements].filter(({ name }) => name).map((field) => ({
        name: field.name, value: field.value,
        is_text: field.matches('textarea, input:not([type]), [type=text], [type=search], [type=email], [type=url]'),
        is_sent: field.localName !== 'button' && (!['checkbox', 'radio'].includes(field.type) || field.checked),
    }));
    return {
        links: [...document.querySelectorAll('a[href]')].map((link) => link.getAttribute('href')),
        forms: [...document.querySelectorAll('form')].filter(({ enctype }) => !enctype.startsWith('multipart')).map(
            (form) => ({ method: form.method, action: form.getAttribute('action') ?? '', fields: fields(form) })),
    }";

fn list(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned())
}

/// Whether a link leads to a page of the console.
fn is_page(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap();
    let is_download = path.contains('.') || path.ends_with("/file");
    path.starts_with('/') && !is_download && !["/sign-out", "/api"].iter().any(|begin| path.starts_with(begin))
}

/// A path without what names one thing of many.
fn pattern(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let is_id = |part: &str| part.chars().any(|c| c.is_ascii_digit()) || part.len() > 30;
    path.split('/').map(|part| if is_id(part) { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// A form of the console.
#[derive(Clone, Debug)]
struct Form {
    page: String,
    action: String,
    is_post: bool,
    fields: Vec<(String, String)>,
    texts: Vec<String>,
}

impl Form {
    fn new(page: &str, form: &Value) -> Form {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = form["fields"].as_array().unwrap();
        let pair = |field: &Value| (text(&field["name"]), text(&field["value"]));
        let sent = |field: &&Value| field["is_sent"] == true;
        Form {
            page: page.to_owned(),
            action: text(&form["action"]),
            is_post: form["method"] == "post",
            fields: all.iter().filter(sent).map(pair).collect(),
            texts: all.iter().filter(|field| field["is_text"] == true).map(|field| text(&field["name"])).collect(),
        }
    }

    fn goes_outward(&self) -> bool {
        let action = if self.action.is_empty() { &self.page } else { &self.action };
        self.is_post && OUTWARD.iter().any(|begin| action.starts_with(begin))
    }

    fn pattern(&self) -> String {
        format!("{} {}", pattern(&self.page), pattern(&self.action))
    }

    /// The request of the form with a text in one of its fields.
    fn filled(&self, field: &str, with: &str) -> (String, Option<String>) {
        let action = if self.action.is_empty() { &self.page } else { &self.action };
        let path = action.split('?').next().unwrap().to_owned();
        let value = |name: &str, value: &str| if name == field { encoded(with) } else { encoded(value) };
        let pairs = self.fields.iter().map(|(name, old)| format!("{}={}", encoded(name), value(name, old)));
        let pairs = pairs.collect::<Vec<_>>().join("&");
        if self.is_post { (path, Some(pairs)) } else { (format!("{path}?{pairs}"), None) }
    }
}

fn encoded(text: &str) -> String {
    let one = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02x}") };
    text.bytes().map(one).collect()
}

/// What was seen on a walk.
#[derive(Default)]
struct Walk {
    visits: BTreeMap<String, usize>,
    /// Every kind of element, and where it was seen first.
    elements: BTreeMap<String, String>,
    code: Vec<String>,
    forms: BTreeMap<String, Form>,
}

impl Walk {
    fn is_worth(&mut self, path: &str) -> bool {
        let pattern = pattern(path);
        let most = if pattern.contains("{}") { VISITS } else { LIST_VISITS };
        let visits = self.visits.entry(pattern).or_default();
        *visits += 1;
        *visits <= most
    }

    fn note(&mut self, place: &str, shape: Shape) {
        for element in shape.elements {
            self.elements.entry(element).or_insert_with(|| place.to_owned());
        }
        self.code.extend(shape.code.into_iter().map(|code| format!("{place}: {code}")));
    }

    /// Everything in here is in a harmless walk as well.
    fn check_against(&self, harmless: &Walk) {
        assert_eq!(self.code, [""; 0]);
        let only_here = self.elements.iter().filter(|(element, _)| !harmless.elements.contains_key(*element));
        let only_here: Vec<String> = only_here.map(|(element, place)| format!("{element} at {place}")).collect();
        assert_eq!(only_here, [""; 0]);
    }
}

#[test]
fn names_stay_names_on_every_page() {
    let labels: Vec<Label> = strings().iter().filter_map(|text| text.parse().ok()).collect();
    assert!(labels.len() > 700, "{}", labels.len());
    let harmless: Vec<Label> = (0..labels.len()).map(|number| format!("plain-{number}").parse().unwrap()).collect();
    let plain = Estate::new("Plain", &harmless).visitor.walk();
    let estate = Estate::new(WORST, &labels);
    let walk = estate.visitor.walk();
    assert_eq!(walk.visits.keys().collect::<Vec<_>>(), plain.visits.keys().collect::<Vec<_>>());
    walk.check_against(&plain);
    estate.host.stop();
}

#[test]
fn names_stay_names_on_every_page_of_an_authority() {
    let labels: Vec<Label> = strings().iter().filter_map(|text| text.parse().ok()).step_by(4).collect();
    let harmless: Vec<Label> = (0..labels.len()).map(|number| format!("plain-{number}").parse().unwrap()).collect();
    let plain = Publishing::new("Plain", &harmless).visitor.walk();
    let walk = Publishing::new(WORST, &labels).visitor.walk();
    assert_eq!(walk.visits.keys().collect::<Vec<_>>(), plain.visits.keys().collect::<Vec<_>>());
    walk.check_against(&plain);
}

#[test]
fn what_is_entered_in_forms_stays_text() {
    let strings = strings();
    assert!(strings.len() > 1000);
    let estate = Estate::new("Plain", &["plain".parse().unwrap()]);
    let mut plain = estate.visitor.walk();
    let mut hostile = Walk::default();
    let too_long = "plain ".repeat(200);
    let forms: Vec<Form> = plain.forms.values().filter(|form| !form.goes_outward()).cloned().collect();
    let fields = forms.iter().flat_map(|form| form.texts.iter().map(move |field| (form, field)));
    for (number, (form, field)) in fields.enumerate() {
        let harmless = ["", "plain", "nothing has this", "1", &too_long].map(|text| form.filled(field, text));
        estate.visitor.ask(&mut plain, &harmless);
        // Each field gets a share, another one than the field before; those that act get a smaller one, as they write.
        let step = if form.is_post { 40 } else { 5 };
        let texts = strings.iter().filter(|text| form.is_post || text.len() <= ADDRESS_BYTES);
        let some: Vec<_> = texts.skip(number % step).step_by(step).map(|text| form.filled(field, text)).collect();
        estate.visitor.ask(&mut hostile, &some);
    }
    hostile.check_against(&plain);
    // What was stored on the way is shown somewhere.
    let after = estate.visitor.walk();
    assert_eq!(after.code, [""; 0]);
    estate.host.stop();
}

#[test]
fn texts_that_the_protocol_forbids_do_not_reach_the_host() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let forbidden: Vec<String> = strings().into_iter().filter(|text| text.parse::<Label>().is_err()).collect();
    assert!(forbidden.len() > 150, "{}", forbidden.len());
    let mut machine = Machine::numbered(1);
    for text in forbidden.iter().filter(|text| (1..=128).contains(&text.len())) {
        // A label of the same length makes room for it, where another one makes a difference; the machine signs what it
        // became.
        let asked = place.ask(&mut machine, Act::Activate, VOLUME_EDITION);
        let named = |name: String| ClientRequest { name: Some(name.parse().unwrap()), ..asked.clone() };
        let [bytes, other] = ["a", "b"].map(|filling| payload(&named(filling.repeat(text.len()))).unwrap());
        let at = bytes.iter().zip(&other).position(|(one, other)| one != other).unwrap();
        let bytes = [&bytes[..at], text.as_bytes(), &bytes[at + text.len()..]].concat();
        let answer = host.activate(&machine.sign_payload(&bytes));
        assert_eq!(answer.status, 400, "{text:?}: {answer:?}");
        assert!(
            !String::from_utf8_lossy(&answer.body).contains(text.as_str()) || text.len() < 3,
            "{text:?} comes back"
        );
    }
    let rows: i64 = place.read().query_row("SELECT COUNT(*) FROM client_detail", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
    host.stop();
}
