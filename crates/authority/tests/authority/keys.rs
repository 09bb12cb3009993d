//! The authority's own keys: made once, never overwritten, the root sealed; and secrets that appear nowhere else.

use std::fs;

use crate::support::{Door, Machine, PASSPHRASE, Site, entitlement, word};

#[test]
fn nothing_is_ever_overwritten() {
    let site = Site::bare();
    let before = fs::read(site.data("root.key")).unwrap();
    let passphrase = site.write("passphrase", PASSPHRASE);
    let again = ["init", "--publisher", "aurora", "--name", "Again", "--passphrase-file", &passphrase];
    let run = site.run(&again);
    assert!(run.code == 1 && run.stderr.contains("nothing is ever overwritten"), "{run:?}");
    assert_eq!(fs::read(site.data("root.key")).unwrap(), before);
}

#[test]
fn what_cannot_become_an_authority_leaves_no_keys_behind() {
    for (publisher, url, passphrase, code, words) in [
        ("aurora", "https://a.example", "too short", 1, "at least 12 characters"),
        ("aurora", "https://a.example", "one line\nand another", 1, "more than one line"),
        ("aurora", "https://a.example/path", PASSPHRASE, 1, "without a path"),
        ("aurora", "a.example", PASSPHRASE, 1, "http:// or https://"),
        ("Aurora", "https://a.example", PASSPHRASE, 2, "1 to 64 of a-z"),
    ] {
        let site = Site::nothing();
        let file = site.write("passphrase", passphrase);
        let init =
            ["init", "--publisher", publisher, "--name", "A", "--authority-url", url, "--passphrase-file", &file];
        let run = site.run(&init);
        assert!(run.code == code && run.stderr.contains(words), "{run:?}");
        assert!(!site.data("root.key").exists() && !site.data("authority.db").exists());
    }
}

#[test]
fn an_issuer_is_renewed_with_the_right_root_key_and_passphrase_only() {
    let site = Site::new();
    let (right, wrong) = (site.write("right", PASSPHRASE), site.write("wrong", "incorrect horse battery staple"));
    let key = site.host_key(&[]);
    let first = Door::Files(&site).certify(&Machine(1).ask_host(1, &key)).unwrap();

    let run = site.run(&["issuer", "renew", "--passphrase-file", &wrong]);
    assert!(run.code == 1 && run.stderr.contains("the passphrase does not open it"), "{run:?}");
    let stranger = Site::bare().path("data/root.key");
    assert!(!stranger.exists());
    let other = Site::bare();
    let foreign = other.data("root.key");
    let run = site.run(&["issuer", "renew", "--root-key", foreign.to_str().unwrap(), "--passphrase-file", &right]);
    assert!(run.code == 1 && run.stderr.contains("is not a root of"), "{run:?}");

    // The root key may live elsewhere, and what the old issuer signed stays valid.
    let offline = site.path("offline.key");
    fs::rename(site.data("root.key"), &offline).unwrap();
    let run = site.run(&["issuer", "renew", "--passphrase-file", &right]);
    assert!(run.code == 3 && run.stderr.contains("root.key"), "{run:?}");
    let renewed = site.json(&["issuer", "renew", "--root-key", offline.to_str().unwrap(), "--passphrase-file", &right]);
    let second = Door::Files(&site).certify(&Machine(1).ask_host(2, &key)).unwrap();
    assert_eq!(entitlement(&site, &second).signer().to_string(), renewed["issuer"]);
    assert_ne!(entitlement(&site, &first).signer(), entitlement(&site, &second).signer());
}

#[test]
fn keys_of_another_authority_do_not_start_this_one() {
    let (site, other) = (Site::new(), Site::new());
    fs::copy(other.data("issuer.key"), site.data("issuer.key")).unwrap();
    let run = site.run(&["key", "list"]);
    assert!(run.code == 3 && run.stderr.contains("no valid certificate"), "{run:?}");
    fs::write(site.data("issuer.key"), "nonsense").unwrap();
    let run = site.run(&["key", "list"]);
    assert!(run.code == 3 && run.stderr.contains("issuer.key: not a key file"), "{run:?}");
}

#[test]
fn secrets_are_in_no_log_no_error_and_no_database() {
    let site = Site::new();
    let server = site.serve();
    let (key, mak) = (site.host_key(&[]), site.mak(&["--activations", "1"]));
    let foreign = Site::new().host_key(&[]);
    let door = Door::Http(&server);
    assert_eq!(word(&door.certify(&Machine(1).ask_host(1, &key))), "done");
    assert_eq!(word(&door.activate(&Machine(1).ask_mak(1, &mak))), "done");
    let mut said = String::new();
    for (machine, typed) in [(2, mak.as_str()), (3, foreign.as_str())] {
        said += &door.certify(&Machine(machine).ask_host(1, typed)).unwrap_err().detail;
        said +=
            &Door::Files(&site).activate(&Machine(machine).ask_mak(2, typed)).err().map_or(String::new(), |e| e.detail);
    }
    said += &site.run(&["key", "show", &key]).stderr;
    said += &site.done(&["key", "list"]);
    said += &site.done(&["key", "show", &key[key.len() - 5..]]);
    said += &server.log();
    assert!(
        server.log().contains("certified a host")
            && server.log().contains("refused a request")
            && server.log().contains("peer=127.0.0.1:"),
        "{said}"
    );

    let file = |name: &str| fs::read(site.data(name)).unwrap();
    let secret = |name: &str| {
        let text = String::from_utf8(file(name)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("secret ")).unwrap().to_owned()
    };
    let stored = [file("authority.db"), fs::read(site.data("authority.db-wal")).unwrap_or_default()].concat();
    let stored = String::from_utf8_lossy(&stored);
    assert!(stored.contains("mint key"), "the audit is in there");
    let tag = |key: &str| keymuster_core::id::to_hex(&keymuster_core::key::ProductKey::parse(key).unwrap().tag());
    for secret in [&key, &mak, &foreign, &secret("issuer.key"), &secret("tags.key"), PASSPHRASE, &tag(&key), &tag(&mak)]
    {
        let plain = secret.replace('-', "");
        for place in [said.as_str(), &stored] {
            assert!(!place.contains(secret) && !place.contains(&plain), "a secret was found");
        }
    }
}
