//! Which product key may be installed where, as tables.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::catalogue::{Catalogue, Edition, Group};
use keymuster_core::coverage::{Holding, Standing, check_client_key, installable_host_key, lowest_covering, standing};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::{Entitlement, Pool};
use keymuster_core::id::{Label, Slug, from_hex};
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use keymuster_core::lease::LeaseKind;
use keymuster_core::refusal::Refusal;
use keymuster_core::signature::PublicKey;
use keymuster_core::time::{DAY, Timestamp};
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
    let server: Label = "server".parse().unwrap();
    let expected = Refusal::KeyAlreadyCovered { last_five: last_five.clone(), group: server.clone(), covered: server };
    assert_eq!(found, expected);
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

/// An entitlement for `key` that covers what its group covers, without seats, and ends after `days`.
fn entitlement(key: &ProductKey, catalogue: &Catalogue, days: u64) -> Entitlement {
    let vector = named("document/entitlement/plain");
    let signer = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    let signed = Signed::<Entitlement>::verify(&vector.bytes("/input/document"), &signer).unwrap();
    let cover = catalogue.group(key.fields().number).unwrap().cover(None);
    let stop_at = NOW.plus(days * DAY);
    Entitlement { covers: vec![cover], pools: Vec::new(), key: key.id(), stop_at, ..(*signed).clone() }
}

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

#[test]
fn an_edition_stands_as_the_keys_and_their_entitlements_say() {
    let mut catalogue = catalogue();
    let edition = |catalogue: &Catalogue, group: u16, kind| {
        let first = catalogue.editions.first().unwrap();
        Edition { number: 900 + group, group, kind, ..first.clone() }
    };
    let (desk, server_2028) = (edition(&catalogue, 10, LeaseKind::Volume), edition(&catalogue, 111, LeaseKind::Volume));
    let floating = edition(&catalogue, 11, LeaseKind::Seat);
    catalogue.editions = vec![desk.clone(), server_2028.clone(), floating.clone()];
    // Each key by its group, and for how many days it is entitled, or not at all.
    let check = |keys: &[(u16, Option<u64>)], edition: &Edition, expected: Standing| {
        let keys: Vec<_> = keys.iter().map(|(number, days)| (host_key(*number), *days)).collect();
        let entitled: Vec<_> =
            keys.iter().map(|(key, days)| days.map(|days| entitlement(key, &catalogue, days))).collect();
        let holdings: Vec<Holding<'_>> =
            keys.iter().zip(&entitled).map(|((key, _), held)| Holding { key, entitlement: held.as_ref() }).collect();
        assert_eq!(standing(edition, &catalogue, &holdings, NOW), expected, "{keys:?}, group {}", edition.group);
    };
    check(&[], &desk, Standing::Uncovered);
    check(&[(20, Some(9))], &desk, Standing::Uncovered);
    check(&[(20, Some(9)), (11, None)], &desk, Standing::Waiting(1));
    check(&[(20, Some(9)), (11, Some(0))], &desk, Standing::Waiting(1));
    check(&[(10, Some(8)), (111, Some(9))], &desk, Standing::Covered(1));
    check(&[(10, Some(9)), (111, Some(8))], &desk, Standing::Covered(0));
    check(&[(10, Some(9)), (111, None)], &desk, Standing::Covered(0));
    check(&[(10, Some(9)), (111, None)], &server_2028, Standing::Waiting(1));
    check(&[(10, Some(9)), (110, Some(9))], &server_2028, Standing::Uncovered);
    // The group of a key says nothing of seats; its entitlement does.
    check(&[(11, None)], &floating, Standing::Waiting(0));
    check(&[(11, Some(9))], &floating, Standing::Uncovered);
    let key = host_key(10);
    let pool = Pool { id: "seats".parse().unwrap(), edition: 911, seats: 2, term_secs: 60, guard_secs: 0 };
    let with_seats = Entitlement { pools: vec![pool], ..entitlement(&key, &catalogue, 9) };
    let holding = Holding { key: &key, entitlement: Some(&with_seats) };
    assert_eq!(standing(&floating, &catalogue, &[holding], NOW), Standing::Covered(0));
}

#[test]
fn the_lowest_group_for_several_is_the_lowest_that_covers_all() {
    let catalogue = catalogue();
    for (groups, expected) in [
        (&[10][..], Some(10)),
        (&[10, 11], Some(11)),
        (&[110, 11], Some(111)),
        (&[10, 110], Some(110)),
        (&[120, 20], Some(120)),
        (&[10, 20], None),
    ] {
        let groups: Vec<&Group> = groups.iter().map(|number| catalogue.group(*number).unwrap()).collect();
        let found = lowest_covering(&groups, &catalogue).map(|group| group.number);
        assert_eq!(found, expected, "{groups:?}");
    }
}

#[test]
fn a_host_program_that_is_too_old_is_told_which_version_is_needed() {
    let mut catalogue = catalogue();
    for (host, needed, is_enough) in [
        ("0.1.0", "0.1.0", true),
        ("0.1.0", "0.1", true),
        ("0.1", "0.1.0.0", true),
        ("0.10.0", "0.9.7", true),
        ("1", "0.99999999.1", true),
        ("0.1.0", "0.1.1", false),
        ("0.9.9", "0.10", false),
        ("1.2.3", "1.2.3.1", false),
        ("1.2.0-rc.1", "1.2", true),
        ("1.2.0-rc.1", "1.2.1", false),
        // A form that a later version may give a meaning is newer than every version today.
        ("9.0", "1.x", false),
        ("9.0", "1.0-beta", false),
        ("9.0", "1.2.3.4.5", false),
        ("9.0", "1..0", false),
        ("9.0", "4294967296", false),
        ("dev", "0.1", false),
    ] {
        catalogue.host_min = needed.parse().unwrap();
        let host: Slug = host.parse().unwrap();
        let expected = if is_enough {
            Ok(())
        } else {
            Err(Refusal::HostTooOld { host: host.clone(), needed: catalogue.host_min.clone() })
        };
        assert_eq!(catalogue.check_host(&host), expected, "{host} for {needed}");
    }
}
