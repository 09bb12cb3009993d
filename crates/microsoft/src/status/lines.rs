//! Output in lines: slmgr and ospp in any language.
//!
//! A value is taken by its label where that is known. Otherwise by its form (a GUID, `name:1688`, minutes and days)
//! and, where forms are equal, by the order that the tools keep: activation id before application id before client
//! machine id, activation interval before renewal interval, count before port before the eight totals of a host.

use super::words::{self, Label};
use super::{AskedHost, Channel, PRODUCTS_MAX, Product, Serving, State};
use crate::codes;
use crate::explain::{explain, is_guid};
use crate::keys::ALPHABET;

/// Longer lines are none of the tools'; what follows is not looked at.
const LINE_MAX: usize = 4096;

/// How many totals a host prints at the end.
const TOTALS: usize = 8;

/// What can only be understood when a product is whole.
#[derive(Default)]
struct Unlabelled {
    guids: Vec<String>,
    minutes: Vec<u64>,
    /// Lines with a number alone: the line's place and the number.
    numbers: Vec<(usize, u64)>,
    has_description: bool,
}

/// Reads all products of an output.
pub fn read(text: &str) -> Vec<Product> {
    let mut products = Vec::new();
    let mut product = Product::default();
    let mut rest = Unlabelled::default();
    for (place, line) in text.lines().map(shortened).enumerate() {
        if begins_product(line, &product, &rest) {
            products.push(finish(std::mem::take(&mut product), &std::mem::take(&mut rest)));
            if products.len() >= PRODUCTS_MAX {
                return products;
            }
        }
        take(line, place, &mut product, &mut rest);
    }
    products.push(finish(product, &rest));
    products
}

fn shortened(line: &str) -> &str {
    let end = (0..=LINE_MAX.min(line.len())).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
    line.get(..end).unwrap_or_default()
}

/// A label and its value; a line without a colon is a sentence.
fn parts(line: &str) -> (Option<Label>, &str) {
    // French puts a blank before the colon. A host's name with a port, and a time, have colons of their own, further
    // on.
    match line.split_once(':') {
        Some((label, value)) => (words::label(label), value.trim()),
        None => (None, line.trim()),
    }
}

/// A new product begins with its name, or where a second one describes itself.
fn begins_product(line: &str, product: &Product, rest: &Unlabelled) -> bool {
    let (label, value) = parts(line);
    let is_known = !product.name.is_empty() || rest.has_description;
    match label {
        Some(Label::Name) => is_known,
        Some(_) => false,
        None if is_xpr_title(line) => *product != Product::default(),
        None => rest.has_description && is_name(value) && !value.to_uppercase().contains("CHANNEL"),
    }
}

/// `Windows(R), Professional edition:`, as `/xpr` begins.
fn is_xpr_title(line: &str) -> bool {
    line.trim_end().ends_with(':') && line.starts_with(|c: char| c.is_ascii_uppercase()) && is_name(line.trim())
}

fn is_name(value: &str) -> bool {
    value.starts_with("Windows(R)")
        || value.starts_with("Windows®")
        || value.starts_with("Office 1")
        || value.starts_with("Microsoft Office")
}

fn take(line: &str, place: usize, product: &mut Product, rest: &mut Unlabelled) {
    if line.trim().is_empty() {
        return;
    }
    let (label, value) = parts(line);
    match label {
        Some(label) => labelled(label, value, product, rest),
        None => unlabelled(line, value, place, product, rest),
    }
    for code in explain(line).codes {
        // The event's own sample codes of state are no faults.
        if code.number >= 0x8000_0000 && !product.codes.contains(&code.number) {
            product.codes.push(code.number);
        }
    }
}

fn labelled(label: Label, value: &str, product: &mut Product, rest: &mut Unlabelled) {
    let number = leading_number(value);
    match label {
        Label::Name => product.name = value.to_owned(),
        Label::Status => product.state = words::state(value),
        Label::LastFive => product.last_five = last_five(value),
        Label::ClientId => product.client_id = Some(value.to_ascii_lowercase()).filter(|id| is_guid(id)),
        Label::ActivationId => product.activation_id = Some(value.to_ascii_lowercase()).filter(|id| is_guid(id)),
        Label::DnsHost => product.host = Some(AskedHost::Dns(value.to_owned())).filter(|_| !value.is_empty()),
        Label::NamedHost => product.host = Some(AskedHost::Named(value.to_owned())).filter(|_| !value.is_empty()),
        Label::ActivationInterval => product.activation_minutes = number,
        Label::RenewalInterval => product.renewal_minutes = number,
        Label::Count => serving(product).count = number,
        Label::Port => serving(product).port = number,
        Label::Requests => serving(product).requests = number,
        Label::Failed => serving(product).failed = number,
        Label::Other => {}
    }
    rest.has_description |= label == Label::Status;
}

fn serving(product: &mut Product) -> &mut Serving {
    product.serving.get_or_insert_default()
}

/// By form. The first that fits is it.
fn unlabelled(line: &str, value: &str, place: usize, product: &mut Product, rest: &mut Unlabelled) {
    if let Some(channel) = words::channel(line) {
        product.channel = product.channel.or(Some(channel));
        rest.has_description = true;
    } else if product.name.is_empty() && is_name(value.trim_end_matches(':')) {
        product.name = value.trim_end_matches(':').to_owned();
    } else if product.name.is_empty() && is_xpr_title(line) {
        product.name = line.trim().trim_end_matches(':').to_owned();
    } else if is_guid(value) {
        rest.guids.push(value.to_ascii_lowercase());
    } else if let Some(minutes) = minutes_and_days(value) {
        product.minutes_left = Some(minutes);
    } else if let Some(minutes) = minutes_alone(value) {
        rest.minutes.push(minutes);
    } else if let Ok(number) = value.parse::<u64>() {
        if line.contains(':') {
            rest.numbers.push((place, number));
        }
    } else if product.last_five.is_none() && last_five(value).is_some() && line.contains(':') {
        product.last_five = last_five(value);
    } else if is_host(value) && line.contains(':') {
        product.host = product.host.take().or(Some(AskedHost::Known(value.to_owned())));
    } else {
        sentence(line, product);
    }
}

/// Sentences of slmgr and ospp that say something by themselves.
fn sentence(line: &str, product: &mut Product) {
    let text = line.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["kms name not available", "kms-name nicht verfügbar", "nom kms non disponible", "nom kms indisponible"]) {
        product.host = product.host.take().or(Some(AskedHost::NotFound));
    } else if has(&["dns publishing enabled", "dns-veröffentlichung aktiviert", "publication dns activée"]) {
        serving(product).publishes = Some(true);
    } else if has(&["dns publishing disabled", "dns-veröffentlichung deaktiviert", "publication dns désactivée"]) {
        serving(product).publishes = Some(false);
    } else if has(&["kms priority: low", "kms-priorität: niedrig", "priorité kms : faible", "priorité kms : basse"])
    {
        serving(product).is_low_priority = Some(true);
    } else if let Some(state) = words::expiry(line) {
        product.state = Some(state);
    } else if product.state.is_none() {
        product.state = line.rsplit(':').next().filter(|value| value.len() < line.len()).and_then(words::state);
    }
}

/// Gives values without a label their meaning, by their order.
fn finish(mut product: Product, rest: &Unlabelled) -> Product {
    let mut guids = rest.guids.iter().cloned();
    if product.activation_id.is_none() {
        // Activation id, then application id.
        product.activation_id = guids.next();
        guids.next();
    }
    product.client_id = product.client_id.or_else(|| guids.next_back());
    let mut minutes = rest.minutes.iter().copied();
    product.activation_minutes = product.activation_minutes.or_else(|| minutes.next());
    product.renewal_minutes = product.renewal_minutes.or_else(|| minutes.next());
    if product.channel == Some(Channel::Host) {
        totals(&mut product, &rest.numbers);
    }
    if product.state.is_none() && product.channel.is_some() {
        product.state = by_codes(&product.codes);
    }
    product
}

/// Eight numbers on lines that follow each other are a host's totals; count and port stand before them.
fn totals(product: &mut Product, numbers: &[(usize, u64)]) {
    let is_run = |run: &[(usize, u64)]| run.windows(2).all(|pair| matches!(pair, [a, b] if b.0 == a.0 + 1));
    let Some(start) = (0..numbers.len()).find(|start| numbers.get(*start..start + TOTALS).is_some_and(is_run)) else {
        return;
    };
    let number = |place: Option<usize>| place.and_then(|place| numbers.get(place)).map(|(_, number)| *number);
    let serving = serving(product);
    serving.count = serving.count.or_else(|| number(start.checked_sub(2)));
    serving.port = serving.port.or_else(|| number(start.checked_sub(1)));
    serving.requests = serving.requests.or_else(|| number(Some(start)));
    serving.failed = serving.failed.or_else(|| number(Some(start + 1)));
}

/// The state that a reason names, where the word for it was not understood.
fn by_codes(numbers: &[u32]) -> Option<State> {
    numbers.iter().find_map(|number| match codes::find(*number)?.name {
        "SL_E_GRACE_TIME_EXPIRED" | "SL_E_NOT_GENUINE" => Some(State::Notification),
        _ => None,
    })
}

fn leading_number(value: &str) -> Option<u64> {
    value.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn last_five(value: &str) -> Option<String> {
    let is_symbol = |c: char| c == 'N' || ALPHABET.contains(c);
    (value.len() == 5 && value.chars().all(is_symbol)).then(|| value.to_owned())
}

/// `243720 minute(s) (169 day(s))`: the number of days proves that both are what they seem.
fn minutes_and_days(value: &str) -> Option<u64> {
    let mut numbers = value.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<u64>().ok());
    let (minutes, days) = (numbers.next()?, numbers.next()?);
    let begins = value.starts_with(|c: char| c.is_ascii_digit());
    (begins && numbers.next().is_none() && value.contains('(') && minutes.div_ceil(1440).abs_diff(days) <= 1)
        .then_some(minutes)
}

/// `120 minutes`, in any language.
fn minutes_alone(value: &str) -> Option<u64> {
    let (number, unit) = value.split_once(|c: char| c.is_whitespace())?;
    let is_unit = unit.trim().to_lowercase().starts_with("min");
    if is_unit && !unit.contains('(') { number.parse().ok() } else { None }
}

/// `kms.example:1688`.
fn is_host(value: &str) -> bool {
    let Some((name, port)) = value.rsplit_once(':') else { return false };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_time = name.chars().all(|c| c.is_ascii_digit());
    !name.is_empty() && !is_time && name.chars().all(is_plain) && port.parse::<u16>().is_ok()
}
