//! Outputs of slmgr, ospp and the PowerShell module in several languages, and what is said of them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::path::Path;

use keymuster_microsoft::status::{AskedHost, Channel, Product, State, Weight, judge, read};
use keymuster_microsoft::text;

fn output(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs").join(name)).unwrap()
}

fn product(name: &str) -> Product {
    let products = read(&output(name));
    let [product] = products.as_slice() else { panic!("{name}: {products:#?}") };
    product.clone()
}

/// The worst that is said of these outputs, and all of it.
fn judged(names: &[&str]) -> (Weight, String) {
    let products: Vec<(String, Product)> = names
        .iter()
        .flat_map(|name| read(&output(name)).into_iter().map(|product| ((*name).to_owned(), product)))
        .collect();
    let findings = judge(&products);
    let worst = findings.iter().map(|(_, finding)| finding.weight).max().unwrap();
    (
        worst,
        findings
            .iter()
            .map(|(_, finding)| format!("{}: {} -> {:?}\n", finding.what, finding.meaning, finding.next))
            .collect(),
    )
}

#[test]
fn a_client_is_read_in_every_language() {
    let id = "36f27b39-2fd5-440b-be67-a09996d27a38";
    let table = [
        (
            "client.txt",
            State::Licensed,
            Some(257_760),
            Some(AskedHost::Dns("kms.example.com:1688".to_owned())),
            id,
            (120, 10_080),
        ),
        (
            "client-de.txt",
            State::Licensed,
            Some(20_160),
            Some(AskedHost::Named("kms.example.com:1688".to_owned())),
            id,
            (120, 10_080),
        ),
        (
            "client-fr.txt",
            State::Notification,
            None,
            Some(AskedHost::NotFound),
            "77777b39-2fd5-440b-be67-a09996d27a38",
            (120, 10_080),
        ),
        (
            "client-unknown-language.txt",
            State::Notification,
            None,
            Some(AskedHost::Known("kms.example.com:1688".to_owned())),
            "88887b39-2fd5-440b-be67-a09996d27a38",
            (30, 1440),
        ),
    ];
    for (name, state, left, host, id, (activation, renewal)) in table {
        let product = product(name);
        assert_eq!(product.channel, Some(Channel::Client), "{name}");
        assert_eq!(product.state, Some(state), "{name}");
        assert_eq!((product.minutes_left, &product.host), (left, &host), "{name}");
        assert_eq!(product.client_id.as_deref(), Some(id), "{name}");
        assert_eq!((product.activation_minutes, product.renewal_minutes), (Some(activation), Some(renewal)), "{name}");
        assert!(product.activation_id.is_some() && product.setup_key().is_some(), "{name}: {product:?}");
        assert!(product.name.starts_with("Windows(R), "), "{name}");
        assert!(product.serving.is_none(), "{name}");
    }
}

#[test]
fn a_host_is_read_by_labels_and_by_order() {
    let host = product("host.txt").serving.unwrap();
    assert_eq!((host.count, host.port, host.requests, host.failed), (Some(22), Some(1688), Some(826), Some(300)));
    assert_eq!((host.publishes, host.is_low_priority), (Some(false), Some(true)));
    let host = product("host-unknown-language.txt").serving.unwrap();
    assert_eq!((host.count, host.port, host.requests, host.failed), (Some(3), Some(1688), Some(826), Some(2)));
}

#[test]
fn office_and_powershell_are_read() {
    let products = read(&output("ospp.txt"));
    let [office, visio] = products.as_slice() else { panic!("{products:#?}") };
    assert_eq!((office.channel, office.state), (Some(Channel::Client), Some(State::InitialGrace)));
    assert_eq!(office.setup_key().unwrap().edition, "Office Professional Plus 2019");
    assert_eq!(office.host, Some(AskedHost::NotFound));
    assert_eq!((visio.channel, visio.state), (Some(Channel::Mak), Some(State::Licensed)));
    let info = product("info.json");
    assert_eq!(info.host, Some(AskedHost::Dns("kms.example.com:1688".to_owned())));
    assert_eq!(info.client_id.as_deref(), Some("36f27b39-2fd5-440b-be67-a09996d27a38"));
    assert_eq!(info.serving, None);
}

#[test]
fn every_fault_is_named_with_what_to_type() {
    let table: &[(&[&str], Weight, &[&str])] = &[
        (&["client.txt"], Weight::Fine, &["Windows 11 / Windows 10 Pro", "DNS named the host kms.example.com"]),
        (
            &["client-de.txt"],
            Weight::Warning,
            &["14 days left", "the last renewal was 166 days ago", "slmgr /ato", "named by hand"],
        ),
        (
            &["client-fr.txt"],
            Weight::Wrong,
            &["0xC004F009", "the grace is over", "DNS names no KMS host", "nslookup -type=srv"],
        ),
        (&["client-unknown-language.txt"], Weight::Wrong, &["0xC004F009", "every 30 minutes"]),
        (&["host.txt"], Weight::Warning, &["counted 22", "short by 3", "slmgr /sdns", "slmgr /spri", "300 of 826"]),
        (&["host-unknown-language.txt"], Weight::Wrong, &["counted 3", "short by 2", "by 22 for Windows clients"]),
        (&["retail.txt"], Weight::Wrong, &["channel retail", "never asks a KMS host", "slmgr /ipk FJ82H-"]),
        (&["ospp.txt"], Weight::Wrong, &["cscript ospp.vbs /act", "DNS names no KMS host", "channel MAK"]),
        (&["clock.txt"], Weight::Wrong, &["0xC004F06C", "w32tm /resync"]),
        (&["xpr.txt"], Weight::Fine, &["it is activated"]),
        (&["xpr-de.txt"], Weight::Fine, &["it is activated"]),
        (&["xpr-notification.txt"], Weight::Wrong, &["it is not activated"]),
        (&["client.txt", "client-de.txt"], Weight::Wrong, &["stands in 2 outputs", "slmgr /rearm"]),
        (&["client.txt", "client-fr.txt"], Weight::Wrong, &["DNS names no KMS host"]),
    ];
    for (names, weight, parts) in table {
        let (worst, said) = judged(names);
        assert_eq!(worst, *weight, "{names:?}: {said}");
        for part in *parts {
            assert!(said.contains(part), "{names:?}: {part:?} in {said}");
        }
    }
    assert!(!judged(&["client.txt", "client-fr.txt"]).1.contains("stands in"));
}

#[test]
fn a_host_key_on_a_client_is_told() {
    let misplaced =
        output("client.txt").replace("VOLUME_KMSCLIENT", "VOLUME_KMS_W10").replace("Volume:GVLK", "Volume:CSVLK");
    let products: Vec<(String, Product)> =
        read(&misplaced).into_iter().map(|product| ("pc-1".to_owned(), product)).collect();
    let findings = judge(&products);
    assert!(
        findings.iter().any(
            |(_, finding)| finding.weight == Weight::Wrong && finding.meaning.contains("host key lies on a client")
        ),
        "{findings:#?}"
    );
}

#[test]
fn encodings_and_damage_change_nothing_or_end_well() {
    let german = output("client-de.txt").replace('\n', "\r\n");
    let wide = |order: fn(u16) -> [u8; 2], mark: &[u8]| {
        [mark, &german.encode_utf16().flat_map(order).collect::<Vec<u8>>()].concat()
    };
    let latin: Vec<u8> = german.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let expected = read(&german);
    for bytes in
        [wide(u16::to_le_bytes, b"\xff\xfe"), wide(u16::to_be_bytes, b"\xfe\xff"), wide(u16::to_le_bytes, b""), latin]
    {
        assert_eq!(read(&text::decode(&bytes).unwrap()), expected);
    }
    let bytes = german.as_bytes();
    for end in 0..bytes.len() {
        let _ =
            text::decode(&bytes[..end]).map(|text| judge(&[(String::new(), read(&text).pop().unwrap_or_default())]));
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[place] ^= 1 << (place % 8);
        if let Ok(text) = text::decode(&damaged) {
            for product in read(&text) {
                let _ = judge(&[(String::new(), product)]);
            }
        }
    }
}
