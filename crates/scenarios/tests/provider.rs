//! The OpenID Connect provider of the tests does what tests rely on: people sign in, and tokens say who they are.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_scenarios::provider::Provider;
use serde_json::Value;

/// A code verifier and its challenge, from RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn get(url: &str) -> Value {
    serde_json::from_str(&ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn everybody_comes_back_with_a_code_that_gives_their_name() {
    let provider = Provider::start("/callback").unwrap();
    let about = get(&format!("{}/.well-known/openid-configuration", provider.issuer));
    assert_eq!(about["issuer"], provider.issuer);
    let text = |name: &str| about[name].as_str().unwrap();
    for user in &provider.users {
        // Any port will do.
        let back = "http://127.0.0.1:4/callback";
        let url = format!(
            "{}?response_type=code&client_id={}&redirect_uri={back}&scope=openid%20profile%20email%20groups&state=mine\
             &nonce=n1&code_challenge={CHALLENGE}&code_challenge_method=S256",
            text("authorization_endpoint"),
            provider.client_id,
        );
        let arrived = provider.sign_in(&url, user).unwrap();
        assert!(arrived.starts_with(back) && arrived.contains("state=mine"), "{arrived}");
        let code = arrived.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let basic = STANDARD.encode(format!("{}:{}", provider.client_id, provider.client_secret));
        let form =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", back), ("code_verifier", VERIFIER)];
        let mut answer = ureq::post(text("token_endpoint"))
            .header("authorization", format!("Basic {basic}"))
            .send_form(form)
            .unwrap();
        let tokens: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        assert!(tokens["id_token"].is_string(), "{tokens}");
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let mut answer = ureq::get(text("userinfo_endpoint")).header("authorization", bearer).call().unwrap();
        let info: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!((&info["name"], &info["email"]), (&user.name.into(), &user.email.into()));
        assert_eq!(info["groups"].as_array().unwrap().len(), user.groups.len(), "{info}");
    }
}
