//! A site of real programs, and the notebook in which their answers are written down.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::programs;
use tempfile::TempDir;

/// An authority, a host and a machine, in one directory.
pub struct Site {
    pub authority: Authority,
    pub host: Host,
    directory: TempDir,
}

impl Site {
    /// A host that knows the publisher by this catalogue and holds no key yet.
    pub fn new(catalogue: &str) -> Site {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let (authority, _) = Authority::start(root, "aurora", "Aurora Systems", catalogue, 0).unwrap();
        let host = Host::new(root, 0).unwrap();
        host.add_publisher(root, "aurora").unwrap();
        Site { authority, host, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn start_host(&mut self) {
        self.host.start().unwrap();
    }

    pub fn host_key(&self, group: &str, more: &[&str]) -> String {
        self.authority.mint_host_key(group, more).unwrap()
    }

    /// The public key of an edition, as the publisher's pack has it.
    pub fn setup_key(&self, edition: &str) -> String {
        self.authority.product(edition).unwrap().edition().setup_key.key().reveal()
    }

    /// Makes the machine know a product.
    pub fn machine(&self, edition: &str) {
        let (trust, pack) = (self.path("aurora.trust"), self.path("aurora.pack"));
        let output = command("keymuster", self)
            .args(["add", "--trust"])
            .arg(trust)
            .arg("--pack")
            .arg(pack)
            .arg(edition)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// So many other machines ask the host.
    pub fn muster(&self, machines: u32, edition: &str) {
        for number in 0..machines {
            let store = self.path(&format!("other-{number}"));
            let client = self.host.client(&store, self.authority.product(edition).unwrap()).unwrap();
            // Whether it is activated depends on the count; it is counted either way.
            let _ = client.activate();
        }
    }

    /// The publisher signs a newer catalogue.
    pub fn publish(&self, catalogue: &str) {
        let (source, pack) = (self.path("newer.toml"), self.path("newer.pack"));
        fs::write(&source, catalogue).unwrap();
        let (source, pack) = (source.display().to_string(), pack.display().to_string());
        self.authority.run(&["catalogue", "sign", &source, "--out", &pack]).unwrap();
    }

    /// The newer licence pack.
    pub fn pack(&self) -> String {
        self.path("newer.pack").display().to_string()
    }

    /// Whom the host counts, by family.
    pub fn counts(&self) -> Vec<(String, u64)> {
        let status = self.host.run(&["status", "--json"], "").unwrap().join("\n");
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let families = status["publishers"][0]["families"].as_array().unwrap();
        families
            .iter()
            .map(|family| (family["id"].as_str().unwrap().to_owned(), family["count"].as_u64().unwrap()))
            .collect()
    }
}

/// What was typed and answered, as Markdown.
pub struct Notebook {
    text: String,
    /// What differs from run to run, and what is written instead.
    replaced: Vec<(String, String)>,
}

/// Where something is typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    /// `keymuster` on a client machine.
    Machine,
    /// `keymuster` on the host's machine, which has no products.
    HostMachine,
    /// `keymuster-host`.
    Host,
}

/// What a command answered.
pub struct Said {
    typed: String,
    output: String,
    succeeded: bool,
    /// A failure is expected and was seen.
    failed: bool,
}

impl Notebook {
    pub fn new(head: &str) -> Notebook {
        Notebook { text: head.to_owned(), replaced: Vec::new() }
    }

    pub fn page(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n");
    }

    /// A line that is not run.
    pub fn line(&mut self, line: &str) {
        let _ = write!(self.text, "\n```\n{line}\n```\n");
    }

    /// A key, whose whole text and last five symbols are replaced.
    pub fn secret(&mut self, name: &str, key: &str) {
        let last_five = &key[key.len() - 5..];
        self.replaced.push((key.to_owned(), name.to_owned()));
        self.replaced.push((last_five.to_owned(), "<5>".to_owned()));
    }

    /// `keymuster` on the machine.
    pub fn client(&mut self, site: &Site, typed: &str, input: &str) -> Said {
        self.run(site, Prompt::Machine, typed, input)
    }

    /// `keymuster` where the host runs, and no product is installed.
    pub fn on_host(&mut self, site: &Site, typed: &str, input: &str) -> Said {
        self.run(site, Prompt::HostMachine, typed, input)
    }

    /// `keymuster-host`.
    pub fn host(&mut self, site: &Site, typed: &str, input: &str) -> Said {
        self.run(site, Prompt::Host, typed, input)
    }

    fn run(&mut self, site: &Site, prompt: Prompt, typed: &str, input: &str) -> Said {
        let program = if prompt == Prompt::Host { "keymuster-host" } else { "keymuster" };
        let mut command = command(program, site);
        if prompt == Prompt::Machine {
            command.env("KEYMUSTER_HOST_DIR", site.path("no-host"));
        } else {
            command.env("KEYMUSTER_HOST_DIR", site.path("host")).env("KEYMUSTER_STORE", site.path("no-products"));
        }
        let output = finish(command.args(typed.split(' ')), input);
        let said = [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).trim_end().to_owned());
        let said = said.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n");
        let pipe = if input.is_empty() { String::new() } else { format!("    (typed: {input})") };
        let transcript = self.told(&format!("$ {program} {typed}{pipe}\n{said}"), site);
        let _ = write!(self.text, "\n```\n{transcript}\n```\n");
        Said { typed: typed.to_owned(), output: said, succeeded: output.status.success(), failed: false }
    }

    /// A text with everything replaced that differs from run to run.
    fn told(&self, text: &str, site: &Site) -> String {
        let mut text = text.replace(&site.directory.path().display().to_string(), "<directory>");
        for (found, name) in &self.replaced {
            text = text.replace(found, name);
        }
        let text = text.replace(&site.host.address.to_string(), "<host>").replace(&site.authority.url, "<authority>");
        let text = text.replace(&site.host.address.port().to_string(), "<port>");
        text.lines().map(steady).collect::<Vec<_>>().join("\n")
    }

    /// Compares with the page, or writes it where `UPDATE=1` says so.
    pub fn compare(&self, page: &str) {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            fs::write(&page, &self.text).unwrap();
        }
        let written = fs::read_to_string(&page).unwrap_or_default();
        let differing = written.lines().zip(self.text.lines()).position(|(old, new)| old != new);
        if let Some(line) = differing {
            let at = |text: &str| text.lines().nth(line).unwrap_or_default().to_owned();
            panic!(
                "{} line {}: it says\n  {}\nand the programs say\n  {}\nrun the test with UPDATE=1 and read the diff",
                page.display(),
                line + 1,
                at(&written),
                at(&self.text)
            );
        }
        assert_eq!(written.lines().count(), self.text.lines().count(), "{} is longer or shorter", page.display());
    }
}

impl Said {
    /// It was done, and this is in the answer.
    #[track_caller]
    pub fn says(self, part: &str) -> Said {
        assert!(self.succeeded != self.failed, "{} ended otherwise:\n{}", self.typed, self.output);
        assert!(self.output.contains(part), "{} does not say {part:?}:\n{}", self.typed, self.output);
        self
    }

    /// It failed, and this is in the answer.
    #[track_caller]
    pub fn fails(mut self, part: &str) -> Said {
        self.failed = true;
        self.says(part)
    }
}

fn command(program: &str, site: &Site) -> Command {
    // The verbs of a host are passed on to this program.
    programs::command("keymuster-host").unwrap();
    let mut command = programs::command(program).unwrap();
    command.env("KEYMUSTER_STORE", site.path("machine")).env("COLUMNS", "100");
    command.env_remove("KEYMUSTER_HOST").env_remove("KEYMUSTER_DOMAIN").env_remove("KEYMUSTER_DNS");
    command
}

fn finish(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(format!("{input}\n").as_bytes());
    child.wait_with_output().unwrap()
}

/// A line with its times, ids, ports and counters of minutes replaced.
fn steady(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '_');
    let mut told = String::new();
    let mut rest = line;
    if let Some((before, user)) = line.split_once("local user ") {
        let after = user.find(',').map_or("", |end| &user[end..]);
        return steady(before) + "local user <name>" + &steady(after);
    }
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        told += before;
        told += &steady_word(word, after);
        rest = after;
    }
    told + rest
}

fn steady_word(word: &str, after: &str) -> String {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let is_hex = |length: usize| word.len() == length && word.bytes().all(|b| b.is_ascii_hexdigit());
    if shape.starts_with("0000-00-00T00:00:00Z") {
        return word.replacen(&word[..20], "<time>", 1);
    }
    if shape.starts_with("0000-00-00") && word.len() == 10 {
        return "<date>".into();
    }
    if is_hex(32) {
        return "<id>".into();
    }
    if is_hex(64) {
        return "<SHA-256>".into();
    }
    if let Some((address, port)) = word.rsplit_once(':')
        && address == "127.0.0.1"
        && port.len() > 3
    {
        return "127.0.0.1:<port>".into();
    }
    let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let units = [" minute(s)", " day(s)", " days) left", " days more"];
    let is_minutes =
        after.strip_prefix(" minutes (").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if is_number && (is_minutes || units.iter().any(|unit| after.starts_with(unit))) {
        return "<n>".into();
    }
    word.to_owned()
}
