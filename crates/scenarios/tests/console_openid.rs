//! Signing in to a console with an organisation's account, through a certified OpenID Connect provider.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::process::Stdio;

use common::{Host, Place};
use keymuster_scenarios::console::{Answer, Console, SignedIn};
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::provider::{Provider, User};
use keymuster_service::files::write_private;

const BACK: &str = "/openid/back";

struct Setup {
    host: Host,
    console: Console,
    provider: Provider,
    place: Place,
}

/// A host that trusts a provider; `more` is the rest of the file that names it.
fn setup(more: &str) -> Setup {
    let provider = Provider::start(BACK).unwrap();
    let place = Place::new(Publisher::new(1, 1));
    let directory = place.data_dir.parent().unwrap();
    write_private(&directory.join("secret"), provider.client_secret.as_bytes()).unwrap();
    let scopes = r#"["openid", "profile", "email", "groups"]"#;
    let (issuer, client) = (&provider.issuer, provider.client_id);
    let file =
        format!("issuer = {issuer:?}\nclient_id = {client:?}\nclient_secret_file = \"secret\"\nscopes = {scopes}\n");
    let path = directory.join("openid.toml");
    std::fs::write(&path, file + more).unwrap();
    let host = Host::start_with(&place.data_dir, &["--openid-file", path.to_str().unwrap()], Stdio::null());
    let console = host.console(&place.data_dir);
    Setup { host, console, provider, place }
}

impl Setup {
    /// Goes to the provider by a link of the console, and comes back as `user`.
    fn round(&self, link: &str, cookie: &str, user: &User) -> Answer {
        let sent = self.console.send("GET", link, &[("cookie", cookie)], "").unwrap();
        assert_eq!(sent.status, 303, "{sent:?}");
        let round = sent.cookie().unwrap();
        assert!(sent.header("set-cookie").contains("; HttpOnly; SameSite=Lax; Path=/openid/back"), "{sent:?}");
        let arrived = self.provider.sign_in(sent.header("location"), user).unwrap();
        self.come_back(&arrived, &round)
    }

    fn come_back(&self, arrived: &str, round: &str) -> Answer {
        let path = arrived.strip_prefix(&format!("http://{}", self.console.address)).unwrap();
        self.console.send("GET", path, &[("cookie", round)], "").unwrap()
    }

    fn sign_in(&self, user: &User) -> Answer {
        self.round("/openid/start?then=/audit", "", user)
    }

    fn session(&self, answer: &Answer) -> SignedIn {
        let cookies = answer.headers.get_all("set-cookie");
        let mut cookies = cookies.iter().filter_map(|value| value.to_str().unwrap().split(';').next());
        let cookie =
            cookies.find(|cookie| cookie.starts_with("keymuster-host=")).unwrap_or_else(|| panic!("{answer:?}"));
        SignedIn { console: self.console.clone(), cookie: cookie.to_owned() }
    }
}

#[test]
fn groups_give_roles_and_whoever_has_none_stays_outside() {
    let roles = "match = \"preferred_username\"\n[roles]\nlicence-admins = \"administrator\"\nlicence-operators = \"operator\"\n\
                 staff = \"viewer\"\n";
    let setup = setup(roles);
    let [ada, olaf, vera, gustav] = setup.provider.users;
    // The first administrator is made on the machine itself.
    setup.console.run(&["account", "add", "root", "--role", "administrator"], "a lamp in the fog").unwrap();
    let page = setup.console.send("GET", "/sign-in", &[], "").unwrap();
    assert!(page.body.contains("/openid/start?then="), "{page:?}");
    for (user, role) in [(&ada, "administrator"), (&olaf, "operator"), (&vera, "viewer")] {
        let entered = setup.sign_in(user);
        assert!(entered.status == 200 && entered.body.contains("url=/audit"), "{entered:?}");
        let session = setup.session(&entered);
        assert!(session.get("/account").unwrap().body.contains(role), "{role}");
        setup.sign_in(user);
    }
    let outside = setup.sign_in(&gustav);
    assert!(outside.status == 403 && outside.body.contains("provider-account-refused"), "{outside:?}");
    assert_eq!(outside.headers.get_all("set-cookie").iter().count(), 0);
    setup.console.run(&["account", "disable", "vera"], "").unwrap();
    assert_eq!(setup.sign_in(&vera).status, 403);
    let audit = setup.console.run(&["audit"], "").unwrap();
    assert!(audit.contains("account linked") && audit.contains("by the organisation's provider"), "{audit}");
}

#[test]
fn people_link_their_account_and_prove_anew_who_they_are() {
    let mut setup = setup("");
    let [ada, olaf, ..] = setup.provider.users;
    let session = setup.console.claim(&mut setup.host.running).unwrap();
    assert_eq!(setup.sign_in(&ada).status, 403, "not linked");
    let linked = setup.round("/account/openid/link", &session.cookie, &ada);
    assert!(linked.status == 200 && linked.body.contains("url=/account"), "{linked:?}");
    let entered = setup.session(&setup.sign_in(&ada));
    assert!(entered.get("/account").unwrap().body.contains("Unlink"));
    assert_eq!(setup.sign_in(&olaf).status, 403);

    setup.place.tamper("UPDATE session SET confirmed_at = confirmed_at - 300");
    let asked = entered.get("/tokens/new").unwrap();
    let page = entered.get(asked.header("location")).unwrap();
    assert!(page.body.contains("/confirm/openid?then=%2Ftokens%2Fnew"), "{page:?}");
    let wrong = setup.round("/confirm/openid?then=/tokens/new", &entered.cookie, &olaf);
    assert!(wrong.status == 403 && wrong.body.contains("somebody else"), "{wrong:?}");
    assert_eq!(entered.get("/tokens/new").unwrap().status, 303);
    let proved = setup.round("/confirm/openid?then=/tokens/new", &entered.cookie, &ada);
    assert!(proved.status == 200 && proved.body.contains("url=/tokens/new"), "{proved:?}");
    assert_eq!(entered.get("/tokens/new").unwrap().status, 200);
    entered.post("/account/openid/unlink", &[]).unwrap();
    assert_eq!(setup.sign_in(&ada).status, 403);
}

#[test]
fn a_way_back_is_for_one_browser_and_counts_once() {
    let setup = setup("match = \"preferred_username\"\ndefault_role = \"viewer\"\n");
    let [ada, ..] = setup.provider.users;
    let sent = setup.console.send("GET", "/openid/start", &[], "").unwrap();
    let location = sent.header("location");
    for part in ["response_type=code", "code_challenge_method=S256", "state=", "nonce=", "code_challenge="] {
        assert!(location.contains(part), "{part} is not in {location}");
    }
    assert!(!location.contains(setup.provider.client_secret));
    let arrived = setup.provider.sign_in(location, &ada).unwrap();
    let round = sent.cookie().unwrap();
    for (what, address, cookie) in [
        ("without the cookie", arrived.clone(), ""),
        ("with that of another round", arrived.clone(), "keymuster-host-openid=other"),
        ("with another state", arrived.replace("state=", "state=0"), &round),
    ] {
        assert_eq!(setup.come_back(&address, cookie).status, 403, "{what}");
    }
    let changed = arrived.replace("code=", "code=0");
    let failed = setup.come_back(&changed, &round);
    assert!(failed.status == 502 && failed.body.contains("provider-failed"), "a code of somebody else: {failed:?}");
    assert_eq!(setup.come_back(&arrived, &round).status, 403, "a round ends once");
    assert_eq!(setup.sign_in(&ada).status, 200);
}

#[test]
fn a_provider_that_cannot_be_trusted_is_not_asked() {
    let place = Place::new(Publisher::new(1, 1));
    let path = place.data_dir.with_file_name("openid.toml");
    write_private(&place.data_dir.with_file_name("secret"), b"s").unwrap();
    let write = |issuer: &str| {
        let file = format!("issuer = {issuer:?}\nclient_id = \"c\"\nclient_secret_file = \"secret\"\n");
        std::fs::write(&path, file).unwrap();
    };
    write("http://login.example");
    let openid = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--openid-file", path.to_str().unwrap()];
    let (exit, said) = common::fails_to_serve(&place.data_dir, &openid);
    assert!(exit == Some(3) && said.contains("begins with https://"), "{exit:?} {said}");
    // A listener that has gone: nobody else has its port at once.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    write(&format!("http://{gone}"));
    let host = Host::start_with(&place.data_dir, &["--openid-file", path.to_str().unwrap()], Stdio::null());
    let console = host.console(&place.data_dir);
    let answer = console.send("GET", "/openid/start", &[], "").unwrap();
    assert!(answer.status == 502 && answer.body.contains("provider-failed"), "{answer:?}");
}
