//! A real browser in which tests use the console as people do: they look for things by what they are called.
//!
//! What is looked for may still be on its way, so finding and checking wait, up to `PATIENCE`, for the page to change;
//! nothing sleeps. Each browser has a profile of its own and ends when it is dropped.

mod checks;
mod driver;
mod looks;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

pub use checks::Shape;
use driver::{Driver, ELEMENT};
pub use looks::{Look, Scheme};

/// Longer than anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keys that are not characters, as WebDriver writes them.
pub mod key {
    /// The tabulator.
    pub const TAB: &str = "\u{e004}";
    /// Held from here on; a second one lets go.
    pub const SHIFT: &str = "\u{e008}";
    /// Return.
    pub const ENTER: &str = "\u{e007}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// The blank, as a key.
    pub const SPACE: &str = " ";
}

/// One window.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
}

/// Something in the page.
#[derive(Debug)]
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Starts one, 1280 pixels wide and light.
    pub fn start() -> anyhow::Result<Browser> {
        let browser = Browser { driver: Driver::start()? };
        browser.look(Look::default())?;
        Ok(browser)
    }

    /// Goes to an address.
    pub fn open(&self, url: &str) -> anyhow::Result<()> {
        self.driver.send("/url", &json!({ "url": url })).map(drop)
    }

    /// Where it is.
    pub fn url(&self) -> anyhow::Result<String> {
        text(&self.driver.ask("/url")?)
    }

    /// The page's title.
    pub fn title(&self) -> anyhow::Result<String> {
        text(&self.driver.ask("/title")?)
    }

    /// Presses the button that goes back.
    pub fn back(&self) -> anyhow::Result<()> {
        self.driver.send("/back", &json!({})).map(drop)
    }

    /// Loads the page again.
    pub fn reload(&self) -> anyhow::Result<()> {
        self.driver.send("/refresh", &json!({})).map(drop)
    }

    /// The text that people see.
    pub fn text(&self) -> anyhow::Result<String> {
        text(&self.run("return document.body.innerText")?)
    }

    /// The document as it stands in the browser.
    pub fn html(&self) -> anyhow::Result<String> {
        text(&self.driver.ask("/source")?)
    }

    /// Runs a script in the page: the body of a function.
    pub fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.driver.run(script, json!([]))
    }

    /// The one element with this role and accessible name, as the browser tells them to a screen reader.
    pub fn find(&self, role: &str, name: &str) -> anyhow::Result<Element<'_>> {
        let mut found = 0;
        let element = self.wait_until(&format!("one {role} called {name:?}"), || {
            let nodes = self.find_all(role, name)?;
            found = nodes.len();
            let [node] = nodes[..] else { return Ok(None) };
            // A page that is replaced meanwhile takes its elements with it.
            Ok(self.element(node).ok())
        });
        element.with_context(|| format!("{found} were there last"))
    }

    /// The first element that a CSS selector names, for what has no role.
    pub fn select(&self, selector: &str) -> anyhow::Result<Element<'_>> {
        self.wait_until(&format!("an element {selector}"), || {
            let script = "return document.querySelector(arguments[0])";
            Ok(self.reference(self.driver.run(script, json!([selector]))?))
        })
    }

    /// The field with this label; `find` with the role where two kinds of field could have the same.
    pub fn field(&self, label: &str) -> anyhow::Result<Element<'_>> {
        let roles = ["textbox", "searchbox", "combobox", "spinbutton", "checkbox", "radio"];
        self.wait_until(&format!("a field with the label {label:?}"), || {
            for role in roles {
                if let [node] = self.find_all(role, label)?[..] {
                    return Ok(self.element(node).ok());
                }
            }
            // Passwords and files have no role of their own.
            let script = "return [...document.querySelectorAll('input')].find((input) => \
                          [...input.labels ?? []].some((label) => label.innerText.trim() === arguments[0]))";
            Ok(self.reference(self.driver.run(script, json!([label]))?))
        })
    }

    /// Fills the field with this label.
    pub fn fill(&self, label: &str, with: &str) -> anyhow::Result<()> {
        let field = self.field(label)?;
        field.clear()?;
        field.type_in(with)
    }

    /// Clicks the button with this name.
    pub fn press(&self, button: &str) -> anyhow::Result<()> {
        self.find("button", button)?.click()
    }

    /// Clicks the link with this name.
    pub fn follow(&self, link: &str) -> anyhow::Result<()> {
        self.find("link", link)?.click()
    }

    /// Presses keys wherever the focus is; see [`key`].
    pub fn type_keys(&self, keys: &str) -> anyhow::Result<()> {
        let stroke = |kind: &str, key: char| json!({ "type": kind, "value": key });
        let (mut actions, mut is_shifted) = (Vec::new(), false);
        for key in keys.chars() {
            if key::SHIFT.starts_with(key) {
                actions.push(stroke(if is_shifted { "keyUp" } else { "keyDown" }, key));
                is_shifted = !is_shifted;
            } else {
                actions.extend([stroke("keyDown", key), stroke("keyUp", key)]);
            }
        }
        self.driver.send("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }))?;
        Ok(())
    }

    /// What has the focus.
    pub fn focused(&self) -> anyhow::Result<Element<'_>> {
        self.reference(self.run("return document.activeElement")?).context("nothing has the focus")
    }

    /// Waits for words on the page.
    pub fn wait_for(&self, words: &str) -> anyhow::Result<()> {
        let mut seen = String::new();
        let waited = self.wait_until(&format!("the words {words:?}"), || {
            seen = self.text()?;
            Ok(seen.contains(words).then_some(()))
        });
        waited.with_context(|| format!("at {} it said last:\n{seen}", self.url().unwrap_or_default()))
    }

    /// Asks after every change of the page, until there is an answer.
    pub fn wait_until<T>(&self, what: &str, mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        // Looks again without a change as well: what is asked for may be outside the page.
        let change = "const done = arguments[0];
            const parts = { attributes: true, characterData: true, childList: true, subtree: true };
            new MutationObserver(done).observe(document, parts);
            setTimeout(done, 50)";
        let begin = Instant::now();
        loop {
            // While one page gives way to the next, scripts fail for want of a document.
            let last = match ask() {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if begin.elapsed() > PATIENCE {
                let error = last.unwrap_or_else(|| anyhow::anyhow!("it did not come"));
                return Err(error.context(format!("waited in vain for {what}")));
            }
            let _ = self.driver.run_until_called(change, json!([]));
        }
    }

    /// The file that was downloaded under this name, once it is whole.
    pub fn download(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.driver.downloads().join(name);
        self.wait_until(&format!("the download {name}"), || Ok(path.exists().then(|| path.clone())))
    }

    /// Gives the browser a cookie for the server whose page it shows, as if that had set it.
    pub fn set_cookie(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let cookie = json!({ "name": name, "value": value, "httpOnly": true, "sameSite": "Lax" });
        self.driver.send("/cookie", &json!({ "cookie": cookie })).map(drop)
    }

    /// The cookies of the page, as the protocol describes them.
    pub fn cookies(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.driver.ask("/cookie")?.as_array().cloned().unwrap_or_default())
    }

    /// The ids of the nodes that have a role and a name, and that people can reach.
    fn find_all(&self, role: &str, name: &str) -> anyhow::Result<Vec<u64>> {
        let document = self.driver.devtools("DOM.getDocument", json!({ "depth": 0 }))?;
        let wanted = json!({ "nodeId": document["root"]["nodeId"], "role": role, "accessibleName": name });
        let found = self.driver.devtools("Accessibility.queryAXTree", wanted)?;
        let nodes = found["nodes"].as_array().context("no list of nodes")?;
        let reachable = nodes.iter().filter(|node| node["ignored"] == false);
        Ok(reachable.filter_map(|node| node["backendDOMNodeId"].as_u64()).collect())
    }

    /// Passes a node of Chromium's protocol through the page, where WebDriver can take it up.
    fn element(&self, node: u64) -> anyhow::Result<Element<'_>> {
        let object = self.driver.devtools("DOM.resolveNode", json!({ "backendNodeId": node }))?;
        let keep = json!({
            "objectId": object["object"]["objectId"],
            "functionDeclaration": "function () { globalThis.keymusterFound = this }",
        });
        self.driver.devtools("Runtime.callFunctionOn", keep)?;
        self.reference(self.run("return globalThis.keymusterFound")?).context("the element is gone")
    }

    fn reference(&self, value: Value) -> Option<Element<'_>> {
        Some(Element { browser: self, id: value[ELEMENT].as_str()?.to_owned() })
    }
}

impl Element<'_> {
    fn send(&self, command: &str, body: &Value) -> anyhow::Result<()> {
        self.browser.driver.send(&format!("/element/{}/{command}", self.id), body).map(drop)
    }

    fn ask(&self, what: &str) -> anyhow::Result<String> {
        let answer = self.browser.driver.ask(&format!("/element/{}/{what}", self.id))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks it.
    pub fn click(&self) -> anyhow::Result<()> {
        self.send("click", &json!({}))
    }

    /// Empties it.
    pub fn clear(&self) -> anyhow::Result<()> {
        self.send("clear", &json!({}))
    }

    /// Types into it; into a field for files, their paths.
    pub fn type_in(&self, keys: &str) -> anyhow::Result<()> {
        self.send("value", &json!({ "text": keys }))
    }

    /// Chooses the option with this text.
    pub fn choose(&self, option: &str) -> anyhow::Result<()> {
        let script = "return [...arguments[0].options].find((option) => option.text.trim() === arguments[1])";
        let found = self.browser.driver.run(script, json!([{ ELEMENT: self.id }, option]))?;
        self.browser.reference(found).with_context(|| format!("no option {option:?}"))?.click()
    }

    /// The text that people see.
    pub fn text(&self) -> anyhow::Result<String> {
        self.ask("text")
    }

    /// Its role.
    pub fn role(&self) -> anyhow::Result<String> {
        self.ask("computedrole")
    }

    /// Its accessible name.
    pub fn name(&self) -> anyhow::Result<String> {
        self.ask("computedlabel")
    }

    /// An attribute as it stands in the document; empty if there is none.
    pub fn attribute(&self, name: &str) -> anyhow::Result<String> {
        self.ask(&format!("attribute/{name}"))
    }

    /// What is entered in it.
    pub fn value(&self) -> anyhow::Result<String> {
        self.ask("property/value")
    }
}

fn text(value: &Value) -> anyhow::Result<String> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => bail!("{value} is no text"),
    }
}
