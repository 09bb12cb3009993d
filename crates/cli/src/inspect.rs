//! What is in a document, a bundle, a trust file or a product key.
//!
//! Everything is shown as it claims to be, whether it verifies or not; the verdict stands beside it.

mod documents;
mod verdict;

use keymuster_client::{Error, Product};
use keymuster_core::bundle::{Bundle, FILE_MAGIC};
use keymuster_core::codes;
use keymuster_core::document;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::{KeyKind, ProductKey, publisher_mark};
use keymuster_core::trust::Trust;

use crate::failure::Failure;
use crate::shown::Fields;

/// What documents can be checked against.
pub struct Known {
    /// The trust file of the command line.
    pub given: Option<Trust>,
    /// The products of this machine.
    pub products: Vec<Product>,
}

/// What was found.
pub struct Report {
    pub fields: Fields,
    /// Nothing in it was found to be wrong.
    pub is_valid: bool,
}

/// The most bytes of any document.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// Shows a file.
pub fn inspect(bytes: &[u8], known: &Known) -> Result<Report, Failure> {
    if bytes.starts_with(b"keymuster-trust ") {
        return Ok(Report { fields: trust(bytes)?, is_valid: true });
    }
    if let Some(bundle) = bundle_of_document(bytes) {
        return Ok(verdict::of_bundle("document", &bundle, known));
    }
    let bundle = if bytes.starts_with(FILE_MAGIC) { Bundle::parse_file(bytes) } else { Bundle::parse(bytes) };
    match (bundle, std::str::from_utf8(bytes)) {
        (Ok(bundle), _) => Ok(verdict::of_bundle(kind(&bundle), &bundle, known)),
        // A file of one line may hold a product key.
        (Err(_), Ok(text)) if is_like_a_key(text) => read_key(text.trim(), known),
        (Err(why), _) => Err(Failure::invalid(format!("nothing that Keymuster knows: {why}"), why.code())),
    }
}

/// Shows a product key, the secret ones by their last five symbols.
pub fn read_key(text: &str, known: &Known) -> Result<Report, Failure> {
    let key = ProductKey::parse(text).map_err(|error| match is_like_a_key(text) {
        true => Failure::from(Error::Key(error)),
        false => Failure::invalid(format!("no file and no product key: {error}"), &codes::KEY_WRONG_LENGTH),
    })?;
    let keymuster_core::key::KeyFields { kind, number, mark, serial } = key.fields();
    let mut publishers: Vec<&Product> = known.products.iter().collect();
    publishers.retain(|product| publisher_mark(product.publisher()) == mark);
    publishers.dedup_by_key(|product| product.publisher());
    let name = publishers.first().and_then(|product| match kind {
        KeyKind::Host => product.catalogue().group(number).map(|group| group.name.to_string()),
        _ => product.catalogue().edition(number).map(|edition| edition.name.to_string()),
    });
    let shown = if kind == KeyKind::Setup { key.reveal() } else { format!("…-{}", key.last_five()) };
    let fields = Fields::new()
        .text("kind", kind)
        .text("key", shown)
        .text("id", key.id())
        .number(if kind == KeyKind::Host { "group" } else { "edition" }, number)
        .maybe("name", name)
        .number("serial", serial)
        .text("publisher_mark", format!("{mark:02x}"))
        .texts("publishers", publishers.iter().map(|product| product.publisher()))
        .text("verdict", "well formed; only the publisher's authority knows whether it made this key");
    Ok(Report { fields, is_valid: true })
}

/// Whether a text is so long as a product key, and so was probably meant to be one.
fn is_like_a_key(text: &str) -> bool {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').count() == 25
}

fn trust(bytes: &[u8]) -> Result<Fields, Failure> {
    let trust: Trust = String::from_utf8_lossy(bytes).parse().map_err(Error::Trust)?;
    let root = |key: &keymuster_core::signature::PublicKey| {
        let hex = keymuster_core::id::to_hex(key.as_bytes());
        Fields::new().text("signer", key.signer()).text("key", hex)
    };
    Ok(Fields::new()
        .text("kind", "trust file")
        .text("publisher", &trust.publisher)
        .each("roots", trust.roots.iter().map(root))
        .maybe("authority", trust.authority.as_ref()))
}

/// A single document in the place of a bundle that is made for it.
fn bundle_of_document(bytes: &[u8]) -> Option<Bundle> {
    let claim = document::claim(bytes, DOCUMENT_BYTES_MAX).ok()?;
    let mut bundle = Bundle::default();
    let bytes = bytes.to_vec().into();
    match claim.document_type.as_str() {
        "keymuster-lease+cose" => bundle.lease = Some(bytes),
        "keymuster-entitlement+cose" => bundle.entitlement = Some(bytes),
        "keymuster-activation+cose" => bundle.activation = Some(bytes),
        "keymuster-catalogue+cose" => bundle.catalogue = Some(bytes),
        "keymuster-issuer+cose" => bundle.issuers = Some(vec![bytes]),
        "keymuster-time-reset+cose" => bundle.time_reset = Some(bytes),
        "keymuster-revocations+cose" => bundle.revocations = Some(bytes),
        "keymuster-request+cose" => bundle.client_request = Some(bytes),
        "keymuster-host-request+cose" => bundle.host_request = Some(bytes),
        _ => return None,
    }
    Some(bundle)
}

fn kind(bundle: &Bundle) -> &'static str {
    let Bundle { lease, entitlement, activation, catalogue, client_request, host_request, time_reset, .. } = bundle;
    let Bundle { client_requests, activations, refusals, .. } = bundle;
    match () {
        () if client_request.is_some() => "request of a client",
        () if host_request.is_some() => "request of a host",
        () if lease.is_some() => "answer with a lease",
        () if activation.is_some() => "answer with an activation",
        () if time_reset.is_some() => "answer with a time reset",
        () if client_requests.is_some() => "exchange of a host for its clients",
        () if activations.is_some() || refusals.is_some() => "answer to an exchange",
        () if entitlement.is_some() => "answer with an entitlement",
        () if catalogue.is_some() => "licence pack",
        () => "bundle",
    }
}

/// The payload of a signed document, without any verification.
fn payload(bytes: &[u8]) -> Result<&[u8], Invalid> {
    let read = || -> Result<&[u8], minicbor::decode::Error> {
        let mut decoder = minicbor::Decoder::new(bytes);
        decoder.array()?;
        decoder.bytes()?;
        decoder.map()?;
        decoder.bytes()
    };
    read().map_err(|error| Invalid::Malformed(error.to_string()))
}
