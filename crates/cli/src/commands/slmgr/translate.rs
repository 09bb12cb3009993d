//! From a verb and its parameters to the commands that do the same.

use std::io::{self, IsTerminal as _};

use keymuster_client::{HostAddress, Product, Setting, SettingValue};
use keymuster_core::key::{KeyKind, ProductKey, publisher_mark};
use serde_json::Value;

use super::shown;
use super::verbs::Verb;
use crate::answer::{Answer, confirmed, note, read_line};
use crate::commands::status;
use crate::failure::Failure;
use crate::machine::Machine;

/// What is on this machine.
pub struct Here<'a> {
    pub machine: &'a Machine,
    /// The products that the options allow.
    pub products: &'a [Product],
    /// What `keymuster-host status --json` says, where there is a host.
    pub host: Option<&'a Value>,
}

/// One thing to do.
#[derive(Debug)]
pub enum Step {
    /// Nothing any more: this is the answer.
    Say(Answer),
    /// A command of this program.
    Own(Vec<String>),
    /// A command of `keymuster-host`, with what it reads from standard input.
    Host { words: Vec<String>, input: String },
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn host(said: &[&str]) -> Step {
    Step::Host { words: words(said), input: String::new() }
}

/// What to do for a verb.
pub fn steps(verb: &Verb, parameters: &[String], here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let missing = || {
        let advice = format!("type -{} {}", verb.name, verb.parameters);
        Failure::usage(format!("-{} needs {}", verb.name, verb.parameters), advice)
    };
    let first = || parameters.first().copied().ok_or_else(missing);
    let id = |place: usize| parameters.get(place).copied().filter(|id| !id.eq_ignore_ascii_case("all"));
    match verb.name {
        "ipk" => install_key(parameters.first().copied(), here),
        "ato" => activate(id(0), here),
        "dli" | "dlv" => Ok(shown::licences(here, id(0), verb.name == "dlv")?.into_iter().map(Step::Say).collect()),
        "xpr" => Ok(vec![Step::Say(shown::expirations(here, id(0))?)]),
        "upk" => remove_key(&parameters, here),
        "rearm" => with_consent(&["rearm"], &parameters, here, None),
        "rearm-app" => with_consent(&["--publisher", first()?, "rearm"], &parameters, here, None),
        "rearm-sku" => with_consent(&["rearm"], &parameters, here, Some(first()?)),
        "dti" => of_product(here, id(0), &["activate", "--request-qr"]),
        "atp" => of_product(here, id(1), &["activate", "--response", first()?]),
        "ilc" => Ok(vec![host(&["pack", "import", first()?])]),
        "rilc" => Ok(publishers(here).map(|publisher| host(&["pack", "fetch", "--publisher", publisher])).collect()),
        "skms" => set_host(first()?, id(1), here),
        "skms-domain" => set(here, id(1), &["set", "domain", first()?]),
        "ckms" => set(here, id(0), &["unset", "host"]),
        "ckms-domain" => set(here, id(0), &["unset", "domain"]),
        "skhc" => set(here, None, &["set", "caching", "on"]),
        "ckhc" => set(here, None, &["set", "caching", "off"]),
        "sai" => interval("activation-interval", first()?, here),
        "sri" => interval("renewal-interval", first()?, here),
        "sprt" => Ok(vec![host(&["set", "port", first()?])]),
        "sdns" => Ok(vec![host(&["set", "dns-publishing", "on"])]),
        "cdns" => Ok(vec![host(&["set", "dns-publishing", "off"])]),
        "act-type" => activation_type(parameters.first().copied().unwrap_or("0"), id(1), here),
        other => Err(Failure::usage(format!("-{other} is not known"), "`keymuster slmgr` lists the verbs")),
    }
}

/// The products that an id names: all, where none is given.
pub fn products<'a>(here: &Here<'a>, id: Option<&str>) -> Result<Vec<&'a Product>, Failure> {
    let is_meant = |product: &&Product| {
        let edition = product.edition().id.as_str();
        id.is_none_or(|id| id == edition || id == format!("{}/{edition}", product.publisher()))
    };
    let found: Vec<&Product> = here.products.iter().filter(is_meant).collect();
    match id {
        Some(id) if found.is_empty() => {
            let known: Vec<String> = here
                .products
                .iter()
                .map(|product| format!("{}/{}", product.publisher(), product.edition().id))
                .collect();
            Err(Failure::usage(
                format!("no product of this machine has the id {id}"),
                format!("ids are: {}", known.join(", ")),
            ))
        }
        _ => Ok(found),
    }
}

/// A command for one product; where several fit, it says so itself.
fn of_product(here: &Here<'_>, id: Option<&str>, command: &[&str]) -> Result<Vec<Step>, Failure> {
    match products(here, id)?.as_slice() {
        [product] => Ok(vec![Step::Own(for_product(product, command))]),
        _ => Ok(vec![Step::Own(words(command))]),
    }
}

fn for_product(product: &Product, command: &[&str]) -> Vec<String> {
    let edition = product.edition().id.as_str();
    let mut all = words(&["--publisher", product.publisher().as_str(), "--edition", edition]);
    all.extend(words(command));
    all
}

/// A setting of the machine, or of one product.
fn set(here: &Here<'_>, id: Option<&str>, command: &[&str]) -> Result<Vec<Step>, Failure> {
    match id {
        None => Ok(vec![Step::Own(words(command))]),
        Some(id) => {
            products(here, Some(id))?.into_iter().map(|product| Ok(Step::Own(for_product(product, command)))).collect()
        }
    }
}

/// `HOST`, `HOST:PORT`, or `:PORT` alone, which keeps the host that is set.
fn set_host(value: &str, id: Option<&str>, here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    let Some(port) = value.strip_prefix(':') else { return set(here, id, &["set", "host", value]) };
    let known = here.products.first().map(|product| here.machine.client_of(product)).transpose()?;
    let settings = known.map(|client| client.settings()).unwrap_or_default();
    let host = settings.into_iter().find(|effective| effective.setting == Setting::Host);
    let known = match host.and_then(|effective| effective.value) {
        Some(SettingValue::Hosts(hosts)) => hosts.into_iter().next(),
        _ => None,
    };
    let Some(HostAddress { host, .. }) = known else {
        return Err(Failure::usage("no host is set whose port could be changed", "type -skms HOST:PORT"));
    };
    let host = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    set(here, id, &["set", "host", &host])
}

/// Minutes, on the host for all its clients; without a host, for this machine until a host says otherwise.
fn interval(name: &str, minutes: &str, here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    if minutes.parse::<u64>().is_err() {
        return Err(Failure::usage(
            format!("{minutes:?} is no number of minutes"),
            "type whole minutes, such as 10080",
        ));
    }
    let value = format!("{minutes}m");
    if here.host.is_none() {
        return Ok(vec![Step::Own(words(&["set", name, &value]))]);
    }
    Ok(publishers(here).map(|publisher| host(&["set", name, &value, "--publisher", publisher])).collect())
}

fn publishers<'a>(here: &Here<'a>) -> impl Iterator<Item = &'a str> {
    let publishers = here.host.and_then(|host| host["publishers"].as_array());
    publishers.into_iter().flatten().filter_map(|publisher| publisher["id"].as_str())
}

fn activation_type(number: &str, id: Option<&str>, here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    match number {
        "0" => set(here, id, &["set", "way", "any"]),
        "2" => set(here, id, &["set", "way", "host"]),
        "1" | "3" => Err(Failure::refused(
            format!(
                "activation type {number} has no counterpart: there are neither activation objects in a directory nor tokens"
            ),
            "type -act-type 0 for any way, or 2 for hosts alone; `keymuster set way mak` allows MAKs alone",
        )),
        other => {
            Err(Failure::usage(format!("{other:?} is no activation type"), "type 0 for any way, or 2 for hosts alone"))
        }
    }
}

/// Keys that are secrets are typed or piped in, because every user of the machine can read a command line.
fn install_key(typed: Option<&str>, here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    let text = match typed {
        Some(text) => text.to_owned(),
        None => read_key()?,
    };
    let key = ProductKey::parse(&text).map_err(keymuster_client::Error::Key)?;
    let fields = key.fields();
    if typed.is_some() && fields.kind != KeyKind::Setup {
        let kind = if fields.kind == KeyKind::Mak { "a MAK" } else { "a host key" };
        return Err(Failure::usage(
            format!("{kind} is a secret, and every user of the machine can read a command line"),
            "type -ipk without the key, and type the key then or pipe it in",
        ));
    }
    let is_of = |publisher: &str| publisher.parse().is_ok_and(|slug| publisher_mark(&slug) == fields.mark);
    if fields.kind == KeyKind::Host {
        let publisher = publishers(here).find(|publisher| is_of(publisher));
        let mut said = words(&["install-key"]);
        said.extend(publisher.into_iter().flat_map(|publisher| words(&["--publisher", publisher])));
        return Ok(vec![Step::Host { words: said, input: format!("{text}\n") }]);
    }
    let is_meant =
        |product: &&Product| product.edition().number == fields.number && is_of(product.publisher().as_str());
    let Some(product) = here.products.iter().find(is_meant) else {
        return Err(Failure::refused(
            "this key is for no product of this machine",
            "start the product once, or run `keymuster add`; `keymuster inspect KEY` shows what the key is for",
        ));
    };
    let client = here.machine.client_of(product)?;
    Ok(vec![Step::Say(status::of(&client.install_key(&text)?))])
}

fn read_key() -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        note("type the product key:");
    }
    read_line()
}

/// The products of the machine, and the host keys that are installed and not activated.
fn activate(id: Option<&str>, here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for publisher in here.host.and_then(|host| host["publishers"].as_array()).into_iter().flatten() {
        let name = publisher["id"].as_str().unwrap_or_default();
        for key in publisher["keys"].as_array().into_iter().flatten().filter(|key| key["stop_at"].is_null()) {
            let last_five = key["last_five"].as_str().unwrap_or_default();
            if id.is_none_or(|id| id == last_five || id == name) {
                steps.push(host(&["activate", "--publisher", name, "--key", last_five]));
            }
        }
    }
    if steps.is_empty() || id.is_none() {
        let own = products(here, id)?;
        steps.extend(own.into_iter().map(|product| Step::Own(for_product(product, &["activate"]))));
    }
    match steps.is_empty() {
        true => Err(Failure::refused(
            "every host key of this host is activated",
            "`keymuster-host status` shows until when",
        )),
        false => Ok(steps),
    }
}

/// Without an id, more than one key goes only after a yes.
fn remove_key(parameters: &[&str], here: &Here<'_>) -> Result<Vec<Step>, Failure> {
    let (given, id) = (is_yes(parameters), parameters.iter().find(|word| !is_yes(&[word])).copied());
    let host_keys: Vec<(&str, &str)> = here
        .host
        .and_then(|host| host["publishers"].as_array())
        .into_iter()
        .flatten()
        .flat_map(|publisher| {
            let name = publisher["id"].as_str().unwrap_or_default();
            let keys = publisher["keys"].as_array().into_iter().flatten();
            keys.filter_map(move |key| Some((name, key["last_five"].as_str()?)))
        })
        .filter(|(publisher, last_five)| id.is_none_or(|id| id == *last_five || id == *publisher))
        .collect();
    let own = if id.is_some() && !host_keys.is_empty() { Vec::new() } else { products(here, id)? };
    let names: Vec<String> = host_keys
        .iter()
        .map(|(publisher, last_five)| format!("host key …{last_five} of {publisher}"))
        .chain(own.iter().map(|product| format!("{}/{} of this machine", product.publisher(), product.edition().id)))
        .collect();
    if names.is_empty() {
        return Err(Failure::refused("no key is installed here", "`keymuster slmgr -dli all` shows what is"));
    }
    if names.len() > 1
        && !given
        && !confirmed(&format!("this removes {} keys:\n  {}", names.len(), names.join("\n  ")))?
    {
        return Err(Failure::refused("nothing was removed", "name one key: -upk ID, or say -upk yes for all"));
    }
    let of_host = host_keys
        .iter()
        .map(|(publisher, last_five)| host(&["remove-key", last_five, "--publisher", publisher, "--yes"]));
    Ok(of_host.chain(own.iter().map(|product| Step::Own(for_product(product, &["remove-key"])))).collect())
}

/// A command that asks before it acts, unless yes was said already.
fn with_consent(
    command: &[&str],
    parameters: &[&str],
    here: &Here<'_>,
    id: Option<&str>,
) -> Result<Vec<Step>, Failure> {
    let mut command = command.to_vec();
    if is_yes(parameters) {
        command.push("--yes");
    }
    match id {
        None => Ok(vec![Step::Own(words(&command))]),
        Some(_) => of_product(here, id, &command),
    }
}

fn is_yes(parameters: &[&str]) -> bool {
    parameters.iter().any(|word| word.eq_ignore_ascii_case("yes"))
}
