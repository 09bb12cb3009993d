//! An id token (OpenID Connect Core 1.0, 3.1.3.7): its signature by a key of the provider, then what it claims.
//!
//! The algorithms are two, and follow from the key: RSA with PKCS #1 v1.5 and SHA-256 (RS256), and ECDSA over P-256 with
//! SHA-256 (ES256). What a header says beside its key's algorithm is refused, so no token chooses how it is checked.

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keymuster_core::time::{MINUTE, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

/// How far the provider's clock may be off, in seconds.
const SKEW_SECS: u64 = 2 * MINUTE;

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// In answer to which question.
    pub nonce: &'a str,
    /// Since when the person has proved who they are, where that has to be anew.
    pub proved_since: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
}

/// The claims of a token that holds.
pub fn verify(token: &str, keys: &Value, expected: &Expected<'_>) -> anyhow::Result<Value> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("the id token does not have three parts");
    };
    let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
    let header: Value = serde_json::from_slice(&bytes(header)?)?;
    let key = key(keys, &header)?;
    check_signature(key, &header, signed, &bytes(signature)?)?;
    let claims: Value = serde_json::from_slice(&bytes(payload)?)?;
    check_claims(&claims, expected)?;
    Ok(claims)
}

/// The key that the header names; without a name, the only one that signs.
fn key<'a>(keys: &'a Value, header: &Value) -> anyhow::Result<&'a Value> {
    let all = keys["keys"].as_array().context("the provider has no keys")?;
    let kid = header["kid"].as_str();
    let mut fitting = all.iter().filter(|key| key["use"].as_str().is_none_or(|used| used == "sig"));
    match kid {
        Some(kid) => fitting.find(|key| key["kid"].as_str() == Some(kid)),
        None => fitting.next().filter(|_| fitting.next().is_none()),
    }
    .with_context(|| format!("the provider has no key {kid:?}"))
}

fn check_signature(key: &Value, header: &Value, signed: &[u8], signature: &[u8]) -> anyhow::Result<()> {
    let field = |name: &str| bytes(key[name].as_str().context("a key lacks a part")?);
    let algorithm = header["alg"].as_str();
    let is_right = match (key["kty"].as_str(), algorithm) {
        (Some("RSA"), Some("RS256")) => {
            let (n, e) = (field("n")?, field("e")?);
            RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
        }
        (Some("EC"), Some("ES256")) if key["crv"].as_str() == Some("P-256") => {
            // The point in its uncompressed form.
            let point = [vec![4], field("x")?, field("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
        }
        (kind, _) => {
            bail!("the id token is signed by {algorithm:?} with a key of kind {kind:?}; RS256 and ES256 count")
        }
    };
    ensure!(is_right, "the signature of the id token does not hold");
    Ok(())
}

fn check_claims(claims: &Value, expected: &Expected<'_>) -> anyhow::Result<()> {
    let time = |name: &str| claims[name].as_u64().map(Timestamp::from_secs);
    let now = expected.now;
    ensure!(claims["iss"].as_str() == Some(expected.issuer), "the id token is of another issuer: {}", claims["iss"]);
    let audience: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    ensure!(audience.contains(&expected.client_id), "the id token is for somebody else: {}", claims["aud"]);
    let party = claims["azp"].as_str();
    ensure!(party.is_none_or(|party| party == expected.client_id), "the id token was given to somebody else");
    ensure!(
        audience.len() == 1 || party.is_some(),
        "the id token is for several, and does not say to whom it was given"
    );
    ensure!(time("exp").is_some_and(|end| now < end.plus(SKEW_SECS)), "the id token has ended; are both clocks right?");
    ensure!(time("iat").is_some_and(|made| made <= now.plus(SKEW_SECS)), "the id token is from the future");
    ensure!(claims["nonce"].as_str() == Some(expected.nonce), "the id token answers another question");
    ensure!(claims["sub"].as_str().is_some_and(|subject| !subject.is_empty()), "the id token names nobody");
    if let Some(since) = expected.proved_since {
        let is_anew = time("auth_time").is_some_and(|at| at.plus(SKEW_SECS) >= since);
        ensure!(is_anew, "the provider did not ask anew who it is");
    }
    Ok(())
}

fn bytes(text: &str) -> anyhow::Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).context("a part of the id token or of a key is not in Base64")
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn expected() -> Expected<'static> {
        Expected { issuer: "https://login.example", client_id: "console", nonce: "n1", proved_since: None, now: NOW }
    }

    fn claims() -> Value {
        let now = NOW.as_secs();
        json!({ "iss": "https://login.example", "aud": "console", "sub": "ada", "nonce": "n1", "iat": now, "exp": now + 300 })
    }

    /// A key pair, and its public half as a provider shows it.
    fn pair() -> (EcdsaKeyPair, Value) {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        let key =
            json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": part(1..33), "y": part(33..65) });
        (pair, json!({ "keys": [key] }))
    }

    fn sign(pair: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    #[test]
    fn a_sound_token_holds_and_every_other_does_not() {
        let (pair, keys) = pair();
        let header = json!({ "alg": "ES256", "kid": "k1" });
        let sound = sign(&pair, &header, &claims());
        assert_eq!(verify(&sound, &keys, &expected()).unwrap()["sub"], "ada");
        assert!(verify(&sign(&pair, &json!({ "alg": "ES256" }), &claims()), &keys, &expected()).is_ok(), "one key");

        let changed = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            sign(&pair, &header, &claims)
        };
        let now = NOW.as_secs();
        let (other, _) = self::pair();
        let (head, tail) = sound.split_at(sound.len() - 4);
        for (what, token) in [
            ("another key", sign(&other, &header, &claims())),
            ("an unknown key", sign(&pair, &json!({ "alg": "ES256", "kid": "k2" }), &claims())),
            ("no algorithm", sign(&pair, &json!({ "alg": "none", "kid": "k1" }), &claims())),
            ("an algorithm with a shared secret", sign(&pair, &json!({ "alg": "HS256", "kid": "k1" }), &claims())),
            ("the algorithm of another kind of key", sign(&pair, &json!({ "alg": "RS256", "kid": "k1" }), &claims())),
            ("a changed signature", format!("{head}{}", tail.chars().rev().collect::<String>())),
            ("no signature", sound.rsplit_once('.').unwrap().0.to_owned() + "."),
            ("two parts", sound.rsplit_once('.').unwrap().0.to_owned()),
            ("another issuer", changed("iss", json!("https://other.example"))),
            ("another audience", changed("aud", json!("other"))),
            ("several audiences", changed("aud", json!(["console", "other"]))),
            ("given to another", changed("azp", json!("other"))),
            ("another nonce", changed("nonce", json!("n2"))),
            ("no nonce", changed("nonce", Value::Null)),
            ("an end in the past", changed("exp", json!(now - 121))),
            ("no end", changed("exp", Value::Null)),
            ("from the future", changed("iat", json!(now + 121))),
            ("nobody", changed("sub", json!(""))),
        ] {
            assert!(verify(&token, &keys, &expected()).is_err(), "{what}");
        }
    }

    #[test]
    fn a_proof_that_has_to_be_anew_is() {
        let (pair, keys) = pair();
        let header = json!({ "alg": "ES256", "kid": "k1" });
        let anew = Expected { proved_since: Some(NOW), ..expected() };
        for (auth_time, is_taken) in [(Some(0), true), (Some(120), true), (Some(121), false), (None, false)] {
            let mut claims = claims();
            claims["auth_time"] = auth_time.map_or(Value::Null, |ago| json!(NOW.as_secs() - ago));
            let token = sign(&pair, &header, &claims);
            assert_eq!(verify(&token, &keys, &anew).is_ok(), is_taken, "{auth_time:?}");
        }
    }
}
