//! What happens over years: the same functions that the program calls, with a clock that the test moves.

use keymuster_authority::authority::Authority;
use keymuster_authority::caller::{Actor, Caller};
use keymuster_authority::certify::certify;
use keymuster_authority::data_dir::DataDir;
use keymuster_authority::error::Error;
use keymuster_authority::mak::activate;
use keymuster_core::bundle::Bundle;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::sql::Connection;

use crate::support::{Machine, Site, activation, entitlement};

/// The authority of a site, so many days from now.
fn in_days(site: &Site, days: u64) -> (Authority, Connection, Caller) {
    let now = Env::system().now().plus(days * DAY);
    let (authority, db) = Authority::load(&DataDir::new(site.path("data")), Env::fixed(now, days)).unwrap();
    (authority, db, Caller { actor: Actor::Person("tester".to_owned()), now })
}

fn certified(site: &Site, days: u64, n: u8, key: &str) -> Result<Bundle, Error> {
    let (authority, mut db, caller) = in_days(site, days);
    certify(&authority, &mut db, &Machine(1).ask_host(n, key), &caller)
}

#[test]
fn after_its_year_the_issuer_signs_nothing_new_and_repeats_what_it_signed() {
    let site = Site::new();
    let key = site.host_key(&["--term", "400 days"]);
    let last = certified(&site, 364, 1, &key).unwrap();
    let stop_at: Timestamp = entitlement(&site, &last).stop_at;
    assert_eq!(stop_at.secs_since(entitlement(&site, &last).issued), 400 * DAY);
    match certified(&site, 366, 2, &key) {
        Err(Error::Unable { code, detail }) => {
            assert_eq!(code.name, "issuer-expired");
            assert!(detail.contains("issuer renew"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(certified(&site, 366, 1, &key).unwrap().entitlement, last.entitlement);
}

#[test]
fn an_activation_that_has_ended_is_counted_again() {
    let site = Site::new();
    let mak = site.mak(&["--activations", "2", "--valid", "30 days"]);
    let mut outcomes = Vec::new();
    for (n, day) in [(1, 0), (2, 29), (3, 31), (4, 60), (5, 62)] {
        let (authority, mut db, caller) = in_days(&site, day);
        let request = Machine(1).ask_mak(n, &mak);
        let activated = activate(&authority, &mut db, &request, &caller).map(|bundle| {
            let expires = activation(&site, &bundle, &request).expires.unwrap();
            expires.secs_since(caller.now).div_ceil(DAY)
        });
        outcomes.push((day, activated.map_err(|error| format!("{}: {error}", error.code().unwrap()))));
    }
    let exhausted = "KM-303 mak-exhausted: 2 of 2 activations of this key are used".to_owned();
    assert_eq!(outcomes, [(0, Ok(30)), (29, Ok(1)), (31, Ok(30)), (60, Ok(1)), (62, Err(exhausted))]);
}
