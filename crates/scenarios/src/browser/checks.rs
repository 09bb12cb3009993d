//! What a page can be checked for beyond its words: obstacles, complaints of the browser, markup, long tasks.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Browser;
use crate::provider::tools;

/// The rules of WCAG 2.0, 2.1 and 2.2, levels A and AA.
const STANDARDS: [&str; 5] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/// The function that tells the shape of a document.
const SHAPE: &str = "const shape = (page) => {
    const depth = (node) => node.parentElement ? 1 + depth(node.parentElement) : 0;
    const all = [...page.querySelectorAll('*')];
    const names = (element) => [...element.attributes].map((attribute) => attribute.name).sort();
    const strange = ['base', 'embed', 'frame', 'iframe', 'object', 'style'];
    // What somebody entered in a field stands there again, and leads nowhere; a picture is no code.
    const isCode = ({ name, value }) => name.startsWith('on') || name === 'srcdoc' || name === 'style'
        || name !== 'value' && /^[\\s\\u0000-\\u001f]*(javascript|data(?!:image\\/png;)|vbscript):/i.test(value);
    const isStrange = (element) =>
        strange.includes(element.localName) || (element.localName === 'script' && element.text.trim());
    return {
        elements: all.map((element) => [depth(element), element.localName, ...names(element)].join(' ')),
        code: all.flatMap((element) => [
            ...(isStrange(element) ? [element.outerHTML] : []),
            ...[...element.attributes].filter(isCode).map(({ name, value }) => `${name}=${value}`),
        ]),
    };
};";

/// What markup a document has, apart from its words: two pages that differ only in words have the same shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Every element, in document order: how deep it lies, its name and the names of its attributes.
    pub elements: Vec<String>,
    /// Scripts whose code stands in the page, attributes that are code, addresses that are code.
    pub code: Vec<String>,
}

impl Shape {
    fn new(value: &Value) -> anyhow::Result<Shape> {
        Ok(Shape { elements: lines(&value["elements"])?, code: lines(&value["code"])? })
    }
}

impl Browser {
    /// The obstacles that axe finds for people who see, hear or move differently: a line for each, in words.
    pub fn obstacles(&self) -> anyhow::Result<Vec<String>> {
        self.run_axe(&json!({ "type": "tag", "values": STANDARDS }))
    }

    /// Those of them that lie in the colours: quicker, for a page that differs in these alone from one that was checked.
    pub fn obstacles_of_colour(&self) -> anyhow::Result<Vec<String>> {
        self.run_axe(&json!({ "type": "rule", "values": ["color-contrast", "link-in-text-block"] }))
    }

    fn run_axe(&self, rules: &Value) -> anyhow::Result<Vec<String>> {
        if self.run("return 'axe' in globalThis")? != true {
            let path = tools().join("node_modules/axe-core/axe.min.js");
            self.run(&std::fs::read_to_string(path).context("no axe: run `cargo xtask setup`")?)?;
        }
        let script = format!(
            "axe.run(document, {{ runOnly: {rules}, resultTypes: ['violations'] }}).then((found) => arguments[0](
                found.violations.flatMap((rule) => rule.nodes.map((node) =>
                    `${{rule.id}} (${{rule.help}}): ${{node.html.slice(0, 160)}}: ${{node.failureSummary}}`))))"
        );
        lines(&self.driver.run_until_called(&script, json!([]))?)
    }

    /// What the browser complained about since this was last asked: errors of scripts, files that are not there, and
    /// everything that the content security policy stopped.
    pub fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let entries = self.driver.send("/se/log", &json!({ "type": "browser" }))?;
        let entries = entries.as_array().context("a log that is no list")?;
        let is_harmless = |entry: &&Value| matches!(entry["level"].as_str(), Some("INFO" | "DEBUG"));
        let complaints = entries.iter().filter(|entry| !is_harmless(entry));
        Ok(complaints.map(|entry| entry["message"].as_str().unwrap_or("?").to_owned()).collect())
    }

    /// The document's markup.
    pub fn shape(&self) -> anyhow::Result<Shape> {
        Shape::new(&self.run(&format!("{SHAPE} return shape(document)"))?)
    }

    /// The markup of the answers to requests that the page sends to its server, as the browser reads it without showing
    /// it, and their statuses. A request is a path, and a body where it is a form that was filled in.
    pub fn shapes(&self, requests: &[(String, Option<String>)]) -> anyhow::Result<Vec<(u16, Shape)>> {
        let script = format!(
            "{SHAPE}
            const [requests, done] = arguments, answers = [];
            const ask = (at) => new Promise((settle) => {{
                const [path, form] = requests[at], request = new XMLHttpRequest();
                request.open(form === null ? 'GET' : 'POST', path);
                request.responseType = 'document';
                if (form !== null) request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
                request.onload = () => {{
                    const page = request.response ?? document.implementation.createDocument(null, null);
                    answers[at] = {{ status: request.status, ...shape(page) }};
                }};
                request.onloadend = () => settle(answers[at] ??= {{ status: 0, elements: [], code: [] }});
                request.send(form);
            }});
            let next = 0;
            const worker = async () => {{ while (next < requests.length) await ask(next++); }};
            Promise.all([worker(), worker(), worker(), worker()]).then(() => done(answers))"
        );
        let answers = self.driver.run_until_called(&script, json!([requests]))?;
        let answers = answers.as_array().context("no answers")?;
        answers
            .iter()
            .map(|answer| Ok((u16::try_from(answer["status"].as_u64().unwrap_or(0))?, Shape::new(answer)?)))
            .collect()
    }

    /// For how many milliseconds at most a task of this page has kept it from answering; 0 where none took more than 50.
    pub fn longest_task(&self) -> anyhow::Result<u64> {
        // An observer is called for long tasks alone, and some time after them, so the last one is made here.
        let script = "const [done] = arguments, tasks = [];
            let last = Infinity;
            new PerformanceObserver((list) => {
                for (const { startTime, duration } of list.getEntries()) {
                    if (startTime + duration >= last) return done(Math.max(0, ...tasks));
                    tasks.push(Math.round(duration));
                }
            }).observe({ type: 'longtask', buffered: true });
            setTimeout(() => {
                last = performance.now() + 60;
                // The browser's times of tasks are a little coarser than the clock.
                while (performance.now() < last + 10);
            }, 0)";
        self.driver.run_until_called(script, json!([]))?.as_u64().context("no number of milliseconds")
    }
}

fn lines(list: &Value) -> anyhow::Result<Vec<String>> {
    let list = list.as_array().with_context(|| format!("{list} is no list"))?;
    Ok(list.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect())
}
