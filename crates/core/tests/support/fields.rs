//! What a document says, by the names of the specification: for comparison with what a vector says of it.

use keymuster_core::activation::Activation;
use keymuster_core::catalogue::{Catalogue, Edition, Group, Interval};
use keymuster_core::client_token::ClientToken;
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::id::to_hex;
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyKind, ProductKey};
use keymuster_core::lease::{Lease, LeaseKind, Position, Transport};
use keymuster_core::report::Report;
use keymuster_core::request::{Act, ClientRequest, HostRequest, Standing};
use keymuster_core::revocation::Revocations;
use keymuster_core::time_reset::TimeReset;
use keymuster_core::trust::Trust;
use serde_json::{Value, json};

pub trait Fields {
    fn fields(&self) -> Value;
}

fn texts<T: std::fmt::Display>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

fn hex<const N: usize>(bytes: &Option<[u8; N]>) -> Option<String> {
    bytes.map(|bytes| to_hex(&bytes))
}

fn all<T: Fields>(values: &[T]) -> Vec<Value> {
    values.iter().map(T::fields).collect()
}

fn kind(kind: LeaseKind) -> u8 {
    match kind {
        LeaseKind::Volume => 1,
        LeaseKind::Seat => 2,
    }
}

impl Fields for ProductKey {
    fn fields(&self) -> Value {
        let fields = self.fields();
        let kind = match fields.kind {
            KeyKind::Setup => "setup",
            KeyKind::Host => "host",
            KeyKind::Mak => "mak",
        };
        json!({
            "key": self.reveal(), "kind": kind, "number": fields.number, "mark": fields.mark, "serial": fields.serial,
            "tag": to_hex(&self.tag()), "id": self.id().to_string(),
        })
    }
}

impl Fields for Trust {
    fn fields(&self) -> Value {
        let roots: Vec<String> = self.roots.iter().map(|root| to_hex(root.as_bytes())).collect();
        json!({ "publisher": self.publisher.as_str(), "roots": roots, "authority": self.authority })
    }
}

impl Fields for ClientToken {
    fn fields(&self) -> Value {
        let roots: Vec<String> = self.roots.iter().map(|root| to_hex(root.as_bytes())).collect();
        let settings: serde_json::Map<String, Value> =
            self.settings.iter().map(|setting| (setting.name.to_owned(), json!(setting.value))).collect();
        let edition = self.edition.as_ref().map(|edition| edition.as_str());
        json!({ "publisher": self.publisher.as_str(), "edition": edition, "roots": roots, "settings": settings })
    }
}

impl Fields for Position {
    fn fields(&self) -> Value {
        json!({
            "host": self.host.to_string(), "epoch": self.epoch, "sequence": self.sequence, "head": to_hex(&self.head),
        })
    }
}

impl Fields for Lease {
    fn fields(&self) -> Value {
        json!({
            "kind": kind(self.kind), "publisher": self.publisher.as_str(), "entitlement": self.entitlement.to_string(),
            "client": self.client.to_string(), "client_key": to_hex(self.client_key.as_bytes()),
            "edition": self.edition, "request": self.request.to_string(), "position": self.position.fields(),
            "issued": self.issued.as_secs(), "renew_after": self.renew_after.as_secs(),
            "expires": self.expires.as_secs(), "count": self.count, "threshold": self.threshold,
            "previous": self.previous.map(|previous| previous.fields()),
            "seat": self.seat.as_ref().map(|seat| json!({ "pool": seat.pool.as_str(), "fence": seat.fence })),
            "features": self.features.as_deref().map(texts), "ratchet": hex(&self.ratchet),
            "fingerprint": hex(&self.fingerprint), "retry_secs": self.retry_secs,
            "help_url": self.help_url.as_ref().map(|url| url.as_str()),
            "transport": self.transport.map(|Transport::TlsOnly| 1),
        })
    }
}

impl Fields for Report {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "entitlement": self.entitlement.to_string(),
            "request": self.request.to_string(), "edition": self.edition, "time": self.time.as_secs(),
            "position": self.position.fields(), "count": self.count, "threshold": self.threshold,
            "refusal": self.refusal.as_ref().map(|code| code.as_str()),
        })
    }
}

impl Fields for TimeReset {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "client": self.client.to_string(),
            "client_key": to_hex(self.client_key.as_bytes()), "edition": self.edition,
            "request": self.request.to_string(), "issued": self.issued.as_secs(),
        })
    }
}

impl Fields for Issuer {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "key": to_hex(self.key.as_bytes()),
            "not_before": self.not_before.as_secs(), "sign_until": self.sign_until.as_secs(),
            "expires": self.expires.as_secs(), "entitlement_secs_max": self.entitlement_secs_max,
            "lease_secs_max": self.lease_secs_max, "families": self.families,
        })
    }
}

impl Fields for Cover {
    fn fields(&self) -> Value {
        let mut fields = json!({
            "group": self.group, "family": self.family, "rank": self.rank, "generation": self.generation,
        });
        if let Some(threshold) = self.threshold {
            fields["threshold"] = json!(threshold);
        }
        fields
    }
}

impl Fields for Pool {
    fn fields(&self) -> Value {
        json!({
            "id": self.id.as_str(), "edition": self.edition, "seats": self.seats, "term_secs": self.term_secs,
            "guard_secs": self.guard_secs,
        })
    }
}

impl Fields for Entitlement {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "id": self.id.to_string(), "host": self.host.to_string(),
            "host_key": to_hex(self.host_key.as_bytes()), "customer": self.customer.as_str(),
            "customer_name": self.customer_name.as_str(), "issued": self.issued.as_secs(),
            "warn_at": self.warn_at.as_secs(), "stop_at": self.stop_at.as_secs(), "covers": all(&self.covers),
            "pools": all(&self.pools), "lease_secs_max": self.lease_secs_max, "clients_max": self.clients_max,
            "key": self.key.to_string(), "request": self.request.to_string(),
            "features": self.features.as_deref().map(texts), "tls_spki": hex(&self.tls_spki),
        })
    }
}

impl Fields for Activation {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "client": self.client.to_string(),
            "client_key": to_hex(self.client_key.as_bytes()), "edition": self.edition,
            "request": self.request.to_string(), "key": self.key.to_string(), "issued": self.issued.as_secs(),
            "expires": self.expires.map(|end| end.as_secs()), "features": self.features.as_deref().map(texts),
        })
    }
}

impl Fields for Revocations {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "sequence": self.sequence, "issued": self.issued.as_secs(),
            "entitlements": texts(&self.entitlements), "hosts": texts(&self.hosts), "customers": texts(&self.customers),
            "issuers": texts(&self.issuers),
        })
    }
}

impl Fields for Interval {
    fn fields(&self) -> Value {
        json!({ "default_secs": self.default_secs, "min_secs": self.min_secs, "max_secs": self.max_secs })
    }
}

impl Fields for Group {
    fn fields(&self) -> Value {
        json!({
            "number": self.number, "id": self.id.as_str(), "name": self.name.as_str(), "family": self.family,
            "rank": self.rank, "generation": self.generation,
        })
    }
}

impl Fields for Edition {
    fn fields(&self) -> Value {
        json!({
            "number": self.number, "id": self.id.as_str(), "name": self.name.as_str(), "group": self.group,
            "threshold": self.threshold, "kind": kind(self.kind), "setup_key": self.setup_key.key().reveal(),
            "features": self.features.as_deref().map(texts),
        })
    }
}

impl Fields for Catalogue {
    fn fields(&self) -> Value {
        let policy = &self.policy;
        let families: Vec<Value> = self
            .families
            .iter()
            .map(|family| json!({ "number": family.number, "id": family.id.as_str(), "name": family.name.as_str() }))
            .collect();
        json!({
            "publisher": self.publisher.as_str(), "name": self.name.as_str(), "version": self.version,
            "issued": self.issued.as_secs(), "host_min": self.host_min.as_str(),
            "help_url": self.help_url.as_ref().map(|url| url.as_str()),
            "policy": {
                "grace_secs": policy.grace_secs, "window_secs": policy.window_secs, "lease_secs": policy.lease_secs,
                "renew": policy.renew.fields(), "retry": policy.retry.fields(), "skew_secs": policy.skew_secs,
                "rearms_max": policy.rearms_max,
            },
            "families": families, "groups": all(&self.groups), "editions": all(&self.editions),
        })
    }
}

impl Fields for ClientRequest {
    fn fields(&self) -> Value {
        let act = match self.act {
            Act::Activate => 1,
            Act::Release => 2,
            Act::Mak => 3,
            Act::Rekey => 4,
            Act::Check => 5,
            Act::ResetTime => 6,
        };
        let standing = self.standing.map(|standing| match standing {
            Standing::Unlicensed => 1,
            Standing::Grace => 2,
            Standing::Licensed => 3,
            Standing::Ended => 4,
            Standing::OutOfTolerance => 5,
            Standing::Notification => 6,
        });
        let facts = self.fingerprint.as_ref().map(|facts| {
            let fact = |fact: &keymuster_core::request::Fact| json!({ "kind": fact.kind, "hash": to_hex(&fact.hash) });
            facts.iter().map(fact).collect::<Vec<_>>()
        });
        json!({
            "act": act, "publisher": self.publisher.as_str(), "client": self.client.to_string(),
            "client_key": to_hex(self.client_key.as_bytes()), "edition": self.edition,
            "request": self.request.to_string(), "time": self.time.as_secs(), "high_water": self.high_water.as_secs(),
            "counter": self.counter, "product_version": self.product_version.as_ref().map(|label| label.as_str()),
            "previous": self.previous.map(|previous| previous.fields()),
            "audience": self.audience.map(|host| host.to_string()), "pool": self.pool.as_ref().map(|pool| pool.as_str()),
            "fence": self.fence, "ratchet": hex(&self.ratchet), "key": self.key.as_ref().map(|key| key.as_str()),
            "name": self.name.as_ref().map(|name| name.as_str()), "fingerprint": facts,
            "system": self.system.as_ref().map(|system| system.as_str()), "boot": hex(&self.boot),
            "replaces": self.replaces.map(|client| client.to_string()), "standing": standing,
        })
    }
}

impl Fields for HostRequest {
    fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher.as_str(), "host": self.host.to_string(),
            "host_key": to_hex(self.host_key.as_bytes()), "request": self.request.to_string(),
            "time": self.time.as_secs(), "key": self.key.as_str(), "catalogue_version": self.catalogue_version,
            "name": self.name.as_ref().map(|name| name.as_str()), "ledger": self.ledger.map(|ledger| ledger.fields()),
            "clients": self.clients, "tls_spki": hex(&self.tls_spki),
        })
    }
}
