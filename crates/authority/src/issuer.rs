//! Issuer certificates: what the root grants to the key that works on line, and for how long.

use keymuster_core::document::Signed;
use keymuster_core::id::Slug;
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::time::{DAY, HOUR, Timestamp};

/// A stolen issuer key is worth this long.
const SIGN_SECS: u64 = 365 * DAY;
/// What it signed on its last day still holds for the longest entitlement, with room to spare.
const EXPIRES_SECS: u64 = 3 * 365 * DAY;
/// A year, and a month in which to renew.
const ENTITLEMENT_SECS_MAX: u64 = 400 * DAY;
/// How long a client stays activated without its host.
const LEASE_SECS_MAX: u64 = 180 * DAY;
/// A clock that is set back a little must not make documents that nobody accepts.
const BACKDATED_SECS: u64 = HOUR;
/// From when on the publisher is told to renew.
pub const WARN_SECS: u64 = 60 * DAY;

/// The certificate for a new issuer key, signed by the root.
pub fn certify_issuer(
    publisher: &Slug,
    key: PublicKey,
    root: &SecretKey,
    now: Timestamp,
) -> Result<Signed<Issuer>, Invalid> {
    let issuer = Issuer {
        publisher: publisher.clone(),
        key,
        not_before: now.minus(BACKDATED_SECS),
        sign_until: now.plus(SIGN_SECS),
        expires: now.plus(EXPIRES_SECS),
        entitlement_secs_max: ENTITLEMENT_SECS_MAX,
        lease_secs_max: LEASE_SECS_MAX,
        families: None,
        extensions: None,
    };
    Signed::sign(issuer, root)
}

/// The days for which the issuer may still sign, if they are few.
pub fn days_left_if_few(issuer: &Issuer, now: Timestamp) -> Option<u64> {
    let left_secs = issuer.sign_until.secs_since(now);
    (left_secs < WARN_SECS).then_some(left_secs / DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_publisher_is_told_sixty_days_before() {
        let now = Timestamp::from_secs(1_800_000_000);
        let (root, key) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]).public());
        let issuer = certify_issuer(&"acme".parse().unwrap(), key, &root, now).unwrap();
        for (day, left) in [(0, None), (305, None), (306, Some(59)), (365, Some(0)), (400, Some(0))] {
            assert_eq!(days_left_if_few(&issuer, now.plus(day * DAY)), left, "day {day}");
        }
    }
}
