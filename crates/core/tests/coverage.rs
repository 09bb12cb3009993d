//! Which product key may be installed where, as tables.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::catalogue::{Catalogue, Group};
use keymuster_core::coverage::{check_client_key, installable_host_key};
use keymuster_core::document::Signed;
use keymuster_core::id::from_hex;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use keymuster_core::refusal::Refusal;
use keymuster_core::signature::PublicKey;
use support::named;

/// A catalogue with two generations of two ranks in one family, and another family.
fn catalogue() -> Catalogue {
    let vector = named("document/catalogue/plain");
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    let signed = Signed::<Catalogue>::verify(&vector.bytes("/input/document"), &key).unwrap();
    let mut catalogue = (*signed).clone();
    let newer = |group: &Group| Group {
        number: group.number + 100,
        id: format!("{}-2028", group.id).parse().unwrap(),
        generation: 2028,
        ..group.clone()
    };
    let newer: Vec<Group> = catalogue.groups.iter().map(newer).collect();
    catalogue.groups.extend(newer);
    catalogue
}

fn key(kind: KeyKind, number: u16, serial: u32) -> ProductKey {
    let mark = publisher_mark(&"aurora".parse().unwrap());
    marked(KeyFields { kind, number, mark, serial })
}

/// A key of these fields; the tag is the first that can be written.
fn marked(fields: KeyFields) -> ProductKey {
    (0..100).find_map(|tag| ProductKey::assemble(fields, [tag; 6])).unwrap()
}

fn host_key(number: u16) -> ProductKey {
    key(KeyKind::Host, number, 1)
}

fn words<T>(result: Result<T, Refusal>, accepted: impl Fn(T) -> String) -> String {
    result.map(accepted).unwrap_or_else(|refusal| refusal.code().name.to_owned())
}

#[test]
fn a_host_takes_one_key_for_what_no_other_key_covers() {
    let catalogue = catalogue();
    let check = |installed: &[u16], wanted: u16, expect: &str| {
        let installed: Vec<ProductKey> = installed.iter().map(|number| host_key(*number)).collect();
        let found = installable_host_key(&host_key(wanted), &installed, &catalogue);
        assert_eq!(words(found, |group| group.id.to_string()), expect, "{installed:?} and {wanted}");
    };
    // 10 desk and 11 server are ranks 0 and 1 of one family, 20 cad is another; 110, 111, 120 are their next generation.
    check(&[], 10, "desk");
    check(&[10], 11, "server");
    check(&[11], 10, "key-already-covered");
    check(&[11], 20, "cad");
    check(&[11], 110, "desk-2028");
    check(&[11, 110], 111, "server-2028");
    check(&[110], 10, "key-already-covered");
    check(&[110], 11, "server");
    check(&[111], 11, "key-already-covered");
    check(&[111], 110, "key-already-covered");
    check(&[20, 10], 10, "key-already-installed");
    check(&[], 12, "key-number-unknown");
    // An installed key whose group a newer catalogue has dropped covers nothing.
    check(&[12], 10, "desk");
}

#[test]
fn another_key_for_the_same_group_is_covered_by_the_first() {
    let catalogue = catalogue();
    let (first, second) = (host_key(11), key(KeyKind::Host, 11, 2));
    let found = installable_host_key(&second, &[first], &catalogue).unwrap_err();
    let last_five = first.last_five();
    assert_eq!(found, Refusal::KeyAlreadyCovered { last_five: last_five.clone(), group: "server".parse().unwrap() });
    assert!(found.to_string().contains(&last_five), "{found}");
    let found = installable_host_key(&first, &[first], &catalogue).unwrap_err();
    assert_eq!(found, Refusal::KeyAlreadyInstalled { last_five });
}

#[test]
fn a_host_takes_host_keys_of_the_publisher_only() {
    let catalogue = catalogue();
    let own = publisher_mark(&catalogue.publisher);
    for (kind, mark, expect) in [
        (KeyKind::Setup, own, "key-wrong-kind"),
        (KeyKind::Mak, own, "key-wrong-kind"),
        (KeyKind::Host, own ^ 1, "key-wrong-publisher"),
        // Whose key it is stands before what it is for.
        (KeyKind::Mak, own ^ 1, "key-wrong-publisher"),
    ] {
        let key = marked(KeyFields { kind, number: 11, mark, serial: 1 });
        assert_eq!(words(installable_host_key(&key, &[], &catalogue), |_| String::new()), expect, "{kind}, {mark}");
    }
}

#[test]
fn a_client_takes_the_setup_key_of_its_edition_or_a_mak_for_it() {
    let catalogue = catalogue();
    let desk = catalogue.edition(1).unwrap();
    let mark = publisher_mark(&catalogue.publisher);
    let setup = *desk.setup_key.key();
    let of = |kind: KeyKind, number: u16, mark: u8| marked(KeyFields { kind, number, mark, serial: 7 });
    for (key, expect) in [
        (setup, "setup key"),
        (of(KeyKind::Mak, 1, mark), "MAK"),
        (*catalogue.edition(2).unwrap().setup_key.key(), "key-not-this-edition"),
        // Every setup key is public and there is one per edition, so another one for it is nobody's.
        (of(KeyKind::Setup, 1, mark), "key-not-this-edition"),
        (of(KeyKind::Mak, 2, mark), "key-not-this-edition"),
        (of(KeyKind::Mak, 1, mark ^ 1), "key-wrong-publisher"),
        (of(KeyKind::Setup, 1, mark ^ 1), "key-wrong-publisher"),
        (host_key(11), "key-wrong-kind"),
    ] {
        assert_eq!(words(check_client_key(&key, desk, &catalogue), |kind| kind.to_string()), expect, "{key:?}");
    }
}
