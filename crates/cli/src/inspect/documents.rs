//! Every field of every document, by the names that the specification gives them.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Refused;
use keymuster_core::catalogue::{Catalogue, Edition, Family, Group, Interval};
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::id::{Label, to_hex};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::ProductKey;
use keymuster_core::lease::{Lease, LeaseKind, Position};
use keymuster_core::request::{Act, ClientRequest, HostRequest, Standing};
use keymuster_core::revocation::Revocations;
use keymuster_core::time_reset::TimeReset;

use crate::shown::Fields;

pub fn issuer(issuer: &Issuer) -> Fields {
    Fields::new()
        .text("publisher", &issuer.publisher)
        .text("key", to_hex(issuer.key.as_bytes()))
        .text("signs_as", issuer.key.signer())
        .text("not_before", issuer.not_before)
        .text("sign_until", issuer.sign_until)
        .text("expires", issuer.expires)
        .secs("entitlement_secs_max", issuer.entitlement_secs_max)
        .secs("lease_secs_max", issuer.lease_secs_max)
        .texts("families", issuer.families.iter().flatten())
}

pub fn catalogue(catalogue: &Catalogue) -> Fields {
    let policy = &catalogue.policy;
    let interval = |interval: &Interval| {
        Fields::new()
            .secs("default_secs", interval.default_secs)
            .secs("min_secs", interval.min_secs)
            .secs("max_secs", interval.max_secs)
    };
    let policy = Fields::new()
        .secs("grace_secs", policy.grace_secs)
        .secs("window_secs", policy.window_secs)
        .secs("lease_secs", policy.lease_secs)
        .secs("skew_secs", policy.skew_secs)
        .number("rearms_max", policy.rearms_max)
        .fields("renew", interval(&policy.renew))
        .fields("retry", interval(&policy.retry));
    Fields::new()
        .text("publisher", &catalogue.publisher)
        .text("name", &catalogue.name)
        .number("version", catalogue.version)
        .text("issued", catalogue.issued)
        .text("host_min", &catalogue.host_min)
        .maybe("help_url", catalogue.help_url.as_ref())
        .fields("policy", policy)
        .each("families", catalogue.families.iter().map(family))
        .each("groups", catalogue.groups.iter().map(group))
        .each("editions", catalogue.editions.iter().map(edition))
}

fn family(family: &Family) -> Fields {
    Fields::new().text("id", &family.id).number("number", family.number).text("name", &family.name)
}

fn group(group: &Group) -> Fields {
    Fields::new()
        .text("id", &group.id)
        .number("number", group.number)
        .text("name", &group.name)
        .number("family", group.family)
        .number("rank", group.rank)
        .number("generation", group.generation)
}

fn edition(edition: &Edition) -> Fields {
    Fields::new()
        .text("id", &edition.id)
        .number("number", edition.number)
        .text("name", &edition.name)
        .number("group", edition.group)
        .text("kind", kind(edition.kind))
        .number("threshold", edition.threshold)
        .text("setup_key", edition.setup_key.key().reveal())
        .texts("features", edition.features.iter().flatten())
}

fn kind(kind: LeaseKind) -> &'static str {
    match kind {
        LeaseKind::Volume => "volume",
        LeaseKind::Seat => "seat",
    }
}

pub fn entitlement(entitlement: &Entitlement) -> Fields {
    Fields::new()
        .text("publisher", &entitlement.publisher)
        .text("id", entitlement.id)
        .text("customer", &entitlement.customer)
        .text("customer_name", &entitlement.customer_name)
        .text("host", entitlement.host)
        .text("host_key", to_hex(entitlement.host_key.as_bytes()))
        .text("issued", entitlement.issued)
        .text("warn_at", entitlement.warn_at)
        .text("stop_at", entitlement.stop_at)
        .secs("lease_secs_max", entitlement.lease_secs_max)
        .maybe("clients_max", entitlement.clients_max)
        .text("product_key", entitlement.key)
        .text("request", entitlement.request)
        .texts("features", entitlement.features.iter().flatten())
        .maybe("tls_spki", entitlement.tls_spki.map(|hash| to_hex(&hash)))
        .each("covers", entitlement.covers.iter().map(cover))
        .each("pools", entitlement.pools.iter().map(pool))
}

fn cover(cover: &Cover) -> Fields {
    Fields::new()
        .number("group", cover.group)
        .number("family", cover.family)
        .number("rank", cover.rank)
        .number("generation", cover.generation)
        .maybe("threshold", cover.threshold)
}

fn pool(pool: &Pool) -> Fields {
    Fields::new()
        .text("id", &pool.id)
        .number("edition", pool.edition)
        .number("seats", pool.seats)
        .secs("term_secs", pool.term_secs)
        .secs("guard_secs", pool.guard_secs)
}

pub fn lease(lease: &Lease) -> Fields {
    let fields = Fields::new()
        .text("publisher", &lease.publisher)
        .text("kind", kind(lease.kind))
        .number("edition", lease.edition)
        .text("client", lease.client)
        .text("client_key", to_hex(lease.client_key.as_bytes()))
        .text("issued", lease.issued)
        .text("renew_after", lease.renew_after)
        .text("expires", lease.expires)
        .number("count", lease.count)
        .number("threshold", lease.threshold)
        .texts("features", lease.features.iter().flatten())
        .text("entitlement", lease.entitlement)
        .text("request", lease.request)
        .maybe("ratchet", lease.ratchet.map(|value| to_hex(&value)))
        .maybe("fingerprint", lease.fingerprint.map(|hash| to_hex(&hash)))
        .maybe("retry_secs", lease.retry_secs)
        .maybe("help_url", lease.help_url.as_ref())
        .maybe("pool", lease.seat.as_ref().map(|seat| &seat.pool))
        .maybe("fence", lease.seat.as_ref().map(|seat| seat.fence))
        .fields("position", position(&lease.position));
    with_position(fields, "previous", lease.previous.as_ref())
}

fn position(position: &Position) -> Fields {
    Fields::new()
        .text("host", position.host)
        .number("epoch", position.epoch)
        .number("sequence", position.sequence)
        .text("head", to_hex(&position.head))
}

fn with_position(fields: Fields, name: &'static str, held: Option<&Position>) -> Fields {
    match held {
        Some(held) => fields.fields(name, position(held)),
        None => fields,
    }
}

pub fn activation(activation: &Activation) -> Fields {
    let expires = activation.expires.map_or_else(|| "never".to_owned(), |end| end.to_string());
    Fields::new()
        .text("publisher", &activation.publisher)
        .number("edition", activation.edition)
        .text("client", activation.client)
        .text("client_key", to_hex(activation.client_key.as_bytes()))
        .text("issued", activation.issued)
        .text("expires", expires)
        .texts("features", activation.features.iter().flatten())
        .text("product_key", activation.key)
        .text("request", activation.request)
}

pub fn time_reset(reset: &TimeReset) -> Fields {
    Fields::new()
        .text("publisher", &reset.publisher)
        .number("edition", reset.edition)
        .text("client", reset.client)
        .text("client_key", to_hex(reset.client_key.as_bytes()))
        .text("issued", reset.issued)
        .text("request", reset.request)
}

pub fn revocations(list: &Revocations) -> Fields {
    Fields::new()
        .text("publisher", &list.publisher)
        .number("sequence", list.sequence)
        .text("issued", list.issued)
        .texts("entitlements", &list.entitlements)
        .texts("hosts", &list.hosts)
        .texts("customers", &list.customers)
        .texts("issuers", &list.issuers)
}

pub fn client_request(request: &ClientRequest) -> Fields {
    let act = match request.act {
        Act::Activate => "activate",
        Act::Release => "release",
        Act::Mak => "activate by a MAK",
        Act::Rekey => "replace the client's key",
        Act::Check => "say what would be answered",
        Act::ResetTime => "state the time",
    };
    let standing = request.standing.map(|standing| match standing {
        Standing::Unlicensed => "unlicensed",
        Standing::Grace => "in the grace after first use",
        Standing::Licensed => "licensed",
        Standing::Ended => "in the grace after an end",
        Standing::OutOfTolerance => "out of tolerance",
        Standing::Notification => "notification",
    });
    let facts = request.fingerprint.iter().flatten();
    let fields = Fields::new()
        .text("publisher", &request.publisher)
        .text("act", act)
        .number("edition", request.edition)
        .maybe("key", request.key.as_ref().map(last_five))
        .text("client", request.client)
        .text("client_key", to_hex(request.client_key.as_bytes()))
        .text("request", request.request)
        .number("counter", request.counter)
        .text("time", request.time)
        .text("high_water", request.high_water)
        .maybe("name", request.name.as_ref())
        .maybe("system", request.system.as_ref())
        .maybe("product_version", request.product_version.as_ref())
        .maybe("audience", request.audience)
        .maybe("pool", request.pool.as_ref())
        .maybe("fence", request.fence)
        .maybe("ratchet", request.ratchet.map(|value| to_hex(&value)))
        .maybe("boot", request.boot.map(|value| to_hex(&value)))
        .maybe("replaces", request.replaces)
        .maybe("standing", standing)
        .texts("fingerprint", facts.map(|fact| format!("{}:{}", fact.kind, to_hex(&fact.hash))));
    with_position(fields, "previous", request.previous.as_ref())
}

pub fn host_request(request: &HostRequest) -> Fields {
    let fields = Fields::new()
        .text("publisher", &request.publisher)
        .text("host", request.host)
        .text("host_key", to_hex(request.host_key.as_bytes()))
        .text("key", last_five(&request.key))
        .text("request", request.request)
        .text("time", request.time)
        .number("catalogue_version", request.catalogue_version)
        .maybe("name", request.name.as_ref())
        .maybe("clients", request.clients)
        .maybe("tls_spki", request.tls_spki.map(|hash| to_hex(&hash)));
    with_position(fields, "ledger", request.ledger.as_ref())
}

/// A refusal of an exchange, which nobody has signed.
pub fn refused(refused: &Refused) -> Fields {
    Fields::new().text("request", refused.request).text("code", &refused.code).maybe("detail", refused.detail.as_ref())
}

/// A secret key as people recognise it.
pub fn last_five(key: &Label) -> String {
    ProductKey::parse(key.as_str()).map_or_else(|_| "no product key".into(), |key| format!("…-{}", key.last_five()))
}
