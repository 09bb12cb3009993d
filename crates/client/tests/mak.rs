//! Activation by a MAK: at an authority on this machine, or by file.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;
use std::net::TcpListener;

use keymuster_client::{Client, Error, Settings, Way};
use keymuster_core::bundle::Bundle;
use keymuster_core::key::KeyKind;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::DAY;
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";

fn open(machine: &Machine, authority: &str) -> Client {
    let settings = Settings { authority: Some(authority.to_owned()), ..machine.settings(None) };
    Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap()
}

fn mak() -> String {
    Publisher::aurora().key(KeyKind::Mak, 1).reveal()
}

/// Whether any file of the store holds the whole key.
fn key_is_kept(machine: &Machine) -> bool {
    let holds = |bytes: Vec<u8>| bytes.windows(mak().len()).any(|window| window == mak().as_bytes());
    fs::read_dir(machine.file("")).unwrap().any(|entry| holds(fs::read(entry.unwrap().path()).unwrap()))
}

#[test]
fn a_mak_goes_to_the_authority_once_and_is_forgotten() {
    let machine = Machine::new();
    let authority = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
    let client = open(&machine, &format!("http://{}", authority.address));
    let status = client.install_key(&mak()).unwrap();
    assert_eq!(status.way, Way::Mak { last_five: mak()[24..].to_owned() });
    assert!(key_is_kept(&machine));
    assert_eq!(client.activate().unwrap().state.to_string(), "licensed for ever");
    assert!(!key_is_kept(&machine));
    let heard = authority.next();
    assert_eq!((heard.request.act, heard.request.key.unwrap().as_str()), (Act::Mak, mak().as_str()));

    client.activate().unwrap();
    client.renew().unwrap();
    assert_eq!(authority.all().len(), 0, "what holds for ever is not asked for again");
    assert_eq!(client.release().unwrap_err().code().name, "lease-unknown");

    // The setup key leads back to hosts; the activation holds until a lease has come.
    let setup = client.product().edition().setup_key.key().reveal();
    let status = client.install_key(&setup).unwrap();
    assert_eq!((status.way, status.state.to_string().as_str()), (Way::Host, "licensed for ever"));
}

#[test]
fn an_activation_that_ended_needs_the_key_again() {
    let machine = Machine::new();
    let granter = Granter::new(&Publisher::aurora(), &machine.env);
    let authority = Host::start(move |heard| {
        let mut activation = granter.activation(&heard.request);
        activation.expires = Some(granter.now().plus(365 * DAY));
        Reaction::Bundle(granter.activation_bundle(&activation))
    });
    let client = open(&machine, &format!("http://{}", authority.address));
    client.install_key(&mak()).unwrap();
    assert_eq!(client.activate().unwrap().state.to_string(), "licensed until 2028-01-15T08:00:00Z");
    machine.env.advance(365 * DAY);
    assert!(matches!(client.activate(), Err(Error::KeyNeeded { .. })));
    client.install_key(&mak()).unwrap();
    assert!(client.activate().unwrap().state.to_string().starts_with("licensed until 2029"));
}

#[test]
fn a_mak_never_leaves_the_machine_unencrypted() {
    let machine = Machine::new();
    for (authority, expected) in [
        ("http://192.0.2.1:1690", "secret-over-plain-http"),
        ("http://[2001:db8::1]:1690", "secret-over-plain-http"),
        ("https://authority.invalid", "name-not-resolved"),
        ("https://127.0.0.1:9", "authority-unreachable"),
        ("ftp://authority.example", "authority-unreachable"),
        ("http://user@authority.example", "authority-unreachable"),
    ] {
        let client = open(&machine, authority);
        client.install_key(&mak()).unwrap();
        assert_eq!(client.activate().unwrap_err().code().name, expected, "{authority}");
    }
}

#[test]
fn an_authority_that_does_not_answer_is_no_host_that_does_not() {
    let machine = Machine::new();
    let silent = Host::start(|_| Reaction::Close);
    // The listener is gone as soon as its address is known.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, why) in
        [(silent.address.to_string(), "did not answer: "), (closed.to_string(), "did not answer: nothing listens")]
    {
        let client = open(&machine, &format!("http://{address}"));
        client.install_key(&mak()).unwrap();
        let error = client.activate().unwrap_err();
        assert_eq!(error.code().name, "authority-unreachable");
        assert!(error.to_string().starts_with(&format!("the authority at {address} {why}")), "{error}");
        assert!(client.status().trail[0].outcome.contains("KM-513"), "{:?}", client.status().trail);
    }
}

#[test]
fn a_request_and_its_answer_travel_as_files() {
    let machine = Machine::new();
    let granter = Granter::new(&Publisher::aurora(), &machine.env);
    let client = open(&machine, "https://authority.example");
    assert_eq!(client.request_file().unwrap_err().code().name, "wrong-way");
    client.install_key(&mak()).unwrap();
    let file = client.request_file().unwrap();
    assert_eq!(client.request_file().unwrap(), file, "the same request again");
    let request = Bundle::parse_file(&file).unwrap().client_request.unwrap();
    let request = ClientRequest::verify(&request).unwrap();
    let answer = granter.activation_bundle(&granter.activation(&request));

    let mut others = granter.activation(&request);
    others.client = keymuster_core::id::ClientId::from_bytes([0; 16]);
    let others = granter.activation_bundle(&others).to_file();
    for (file, expected) in [(&b"KM1"[..], "answer-invalid"), (&file, "answer-invalid"), (&others, "answer-invalid")] {
        assert_eq!(client.accept_response(file).unwrap_err().code().name, expected);
    }
    assert!(key_is_kept(&machine));

    // The answer takes weeks, and the client is restarted meanwhile.
    machine.env.advance(29 * DAY);
    let client = open(&machine, "https://authority.example");
    let status = client.accept_response(&answer.to_file()).unwrap();
    assert_eq!(status.state.to_string(), "licensed for ever");
    assert!(!key_is_kept(&machine));
    assert!(matches!(client.accept_response(&answer.to_file()), Err(Error::NoRequestWaits)));
}

#[test]
fn a_request_file_waits_thirty_days() {
    let machine = Machine::new();
    let granter = Granter::new(&Publisher::aurora(), &machine.env);
    let client = open(&machine, "https://authority.example");
    client.install_key(&mak()).unwrap();
    let file = client.request_file().unwrap();
    let request = Bundle::parse_file(&file).unwrap().client_request.unwrap();
    let answer = granter.activation_bundle(&granter.activation(&ClientRequest::verify(&request).unwrap()));
    machine.env.advance(30 * DAY + 1);
    assert!(matches!(client.accept_response(&answer.to_file()), Err(Error::NoRequestWaits)));
    assert_ne!(client.request_file().unwrap(), file);
}
