//! How this crate reads a vector: what it says if it is accepted, or the code with which it is refused.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::client_token::ClientToken;
use keymuster_core::document::{Document, Signed};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::frames::{FrameError, Frames};
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyError, ProductKey};
use keymuster_core::lease::{Lease, Position};
use keymuster_core::report::Report;
use keymuster_core::request::{ClientRequest, HostRequest};
use keymuster_core::revocation::Revocations;
use keymuster_core::signature::PublicKey;
use keymuster_core::time_reset::TimeReset;
use keymuster_core::trust::Trust;
use serde_json::{Value, json};

use super::Vector;
use super::fields::Fields;

/// The name of a code, and what is known beside it.
pub struct Refused {
    pub code: String,
    pub says: Value,
}

impl From<Invalid> for Refused {
    fn from(why: Invalid) -> Refused {
        Refused { code: why.code().name.to_owned(), says: Value::Null }
    }
}

type Outcome = Result<Value, Refused>;

pub fn outcome(vector: &Vector) -> Outcome {
    match vector.text("/kind") {
        "product-key" => product_key(vector.text("/input/text")),
        "trust" => match vector.text("/input/text").parse::<Trust>() {
            Ok(trust) => Ok(trust.fields()),
            Err(_) => Err(Refused { code: "refused".into(), says: Value::Null }),
        },
        "client-token" => match vector.text("/input/text").parse::<ClientToken>() {
            Ok(token) => Ok(token.fields()),
            Err(_) => Err(Refused { code: "refused".into(), says: Value::Null }),
        },
        "document" => document(vector),
        "client-request" => Ok(ClientRequest::verify(&vector.bytes("/input/document"))?.fields()),
        "host-request" => Ok(HostRequest::verify(&vector.bytes("/input/document"))?.fields()),
        "bundle" => Ok(keys(&Bundle::parse(&vector.bytes("/input/bundle"))?)),
        "bundle-file" => Ok(keys(&Bundle::parse_file(&vector.bytes("/input/file"))?)),
        "frames" => frames(vector),
        _ => answer(vector),
    }
}

fn frames(vector: &Vector) -> Outcome {
    let texts = vector.0["input"]["frames"].as_array().expect("an array of texts");
    let mut frames = Frames::default();
    let added = texts.iter().try_for_each(|text| frames.add(text.as_str().expect("a text")));
    let file = added.and_then(|()| frames.file()).map_err(|why| Refused {
        code: why.code().name.to_owned(),
        says: match &why {
            FrameError::Missing { numbers, .. } => json!({ "missing": numbers }),
            _ => Value::Null,
        },
    })?;
    Ok(json!({ "file": to_hex(&file) }))
}

fn product_key(text: &str) -> Outcome {
    let why = match ProductKey::parse(text) {
        Ok(key) => return Ok(Fields::fields(&key)),
        Err(why) => why,
    };
    let says = match &why {
        KeyError::Mistyped(corrections) => {
            let corrections: Vec<Value> =
                corrections.iter().map(|c| json!([c.group, c.symbol, c.suggestion.to_string()])).collect();
            json!({ "corrections": corrections })
        }
        KeyError::Swapped { group, symbol } => json!({ "swapped": [group, symbol] }),
        _ => Value::Null,
    };
    Err(Refused { code: why.code().name.to_owned(), says })
}

fn document(vector: &Vector) -> Outcome {
    fn read<D: Document + Fields>(vector: &Vector) -> Outcome {
        let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).expect("a good key");
        Ok(Signed::<D>::verify(&vector.bytes("/input/document"), &key)?.fields())
    }
    match vector.text("/input/type") {
        "activation" => read::<Activation>(vector),
        "catalogue" => read::<Catalogue>(vector),
        "entitlement" => read::<Entitlement>(vector),
        "issuer" => read::<Issuer>(vector),
        "lease" => read::<Lease>(vector),
        "report" => read::<Report>(vector),
        "revocations" => read::<Revocations>(vector),
        "time-reset" => read::<TimeReset>(vector),
        other => panic!("{}: unknown type {other}", vector.name()),
    }
}

fn keys(bundle: &Bundle) -> Value {
    let is_there = [
        bundle.lease.is_some(),
        bundle.entitlement.is_some(),
        bundle.activation.is_some(),
        bundle.catalogue.is_some(),
        bundle.issuers.is_some(),
        bundle.revocations.is_some(),
        bundle.client_request.is_some(),
        bundle.host_request.is_some(),
        bundle.report.is_some(),
        bundle.time_reset.is_some(),
        bundle.client_requests.is_some(),
        bundle.mak.is_some(),
        bundle.activations.is_some(),
        bundle.refusals.is_some(),
    ];
    let keys: Vec<usize> = (1..).zip(is_there).filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect();
    json!({ "keys": keys })
}

/// What has to be at hand to read an answer. Whatever is wrong with it is the vector's own fault.
pub struct Context {
    pub trust: Trust,
    held: Option<Signed<Revocations>>,
}

impl Context {
    pub fn of(vector: &Vector) -> Context {
        let trust: Trust = vector.text("/context/trust").parse().unwrap();
        let held = vector.0.pointer("/context/revocations").map(|_| {
            let bundle = Bundle::parse(&vector.bytes("/context/revocations")).unwrap();
            Chain::new(&trust, &bundle, None).unwrap().revocations().expect("a list is in it").clone()
        });
        Context { trust, held }
    }

    pub fn chain(&self, bundle: &Bundle) -> Result<Chain<'_>, Invalid> {
        Chain::new(&self.trust, bundle, self.held.clone())
    }

    pub fn catalogue(&self, vector: &Vector) -> Signed<Catalogue> {
        let pack = Bundle::parse(&vector.bytes("/context/pack")).unwrap();
        let chain = Chain::new(&self.trust, &pack, None).unwrap();
        chain.catalogue(&pack.catalogue.unwrap()).unwrap()
    }
}

pub fn asker<'a>(vector: &Vector, catalogue: &'a Catalogue) -> Asker<'a> {
    let context = &vector.0["context"];
    let edition = context["edition"].as_u64().and_then(|number| u16::try_from(number).ok()).expect("a number");
    let held = context.get("held").map(|held| Position {
        host: held["host"].as_str().unwrap().parse().unwrap(),
        epoch: held["epoch"].as_u64().unwrap(),
        sequence: held["sequence"].as_u64().unwrap(),
        head: [0; 16],
    });
    Asker {
        client: vector.text("/context/client").parse().unwrap(),
        client_key: PublicKey::from_bytes(&from_hex(vector.text("/context/client_key")).unwrap()).unwrap(),
        edition: catalogue.edition(edition).expect("the edition is in the catalogue"),
        catalogue,
        request: context["request"].as_str().map(|request| request.parse().unwrap()),
        held,
    }
}

fn answer(vector: &Vector) -> Outcome {
    let context = Context::of(vector);
    let bundle = Bundle::parse(&vector.bytes("/input/bundle"))?;
    let chain = context.chain(&bundle)?;
    let part = |part: &Option<minicbor::bytes::ByteVec>| part.clone().expect("the bundle has what its kind needs");
    match vector.text("/kind") {
        "catalogue-pack" => Ok(chain.catalogue(&part(&bundle.catalogue))?.fields()),
        "entitlement-answer" => Ok(chain.entitlement(&part(&bundle.entitlement))?.fields()),
        "lease-answer" => {
            let entitlement = chain.entitlement(&part(&bundle.entitlement))?;
            let catalogue = context.catalogue(vector);
            Ok(chain.lease(&part(&bundle.lease), &entitlement, &asker(vector, &catalogue))?.fields())
        }
        "activation-answer" => {
            let catalogue = context.catalogue(vector);
            Ok(chain.activation(&part(&bundle.activation), &asker(vector, &catalogue))?.fields())
        }
        "report-answer" => {
            let entitlement = chain.entitlement(&part(&bundle.entitlement))?;
            let catalogue = context.catalogue(vector);
            Ok(chain.report(&part(&bundle.report), &entitlement, &asker(vector, &catalogue))?.fields())
        }
        "time-reset-answer" => {
            let catalogue = context.catalogue(vector);
            Ok(chain.time_reset(&part(&bundle.time_reset), &asker(vector, &catalogue))?.fields())
        }
        other => panic!("{}: unknown kind {other}", vector.name()),
    }
}
