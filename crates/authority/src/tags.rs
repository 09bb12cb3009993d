//! The secret behind product keys: with it the authority mints keys, and recognises its own.
//!
//! Whoever has it can make keys that pass every check but the authority's records; it never leaves the authority.
//! Specified in `docs/spec/product-keys.md`, 4, and `docs/spec/key-files.md`, 5.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use keymuster_core::id::Slug;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const TAG_PREFIX: &[u8] = b"keymuster-key-1";
const SERIAL_PREFIX: &[u8] = b"keymuster-setup-serial-1";

/// The authority's 32 random bytes for product keys. They print as `***`.
pub struct Tags {
    secret: Zeroizing<[u8; 32]>,
}

impl Tags {
    /// The tags made with this secret.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Tags {
        Tags { secret }
    }

    /// The key of a publisher with this kind, number and serial; none for one serial in nine, which no key can carry.
    pub fn key(&self, publisher: &Slug, kind: KeyKind, number: u16, serial: u32) -> Option<ProductKey> {
        let fields = KeyFields { kind, number, mark: publisher_mark(publisher), serial };
        ProductKey::assemble(fields, self.tag(&fields))
    }

    /// The one setup key of an edition: it follows from the edition's number, so it is the same in every catalogue.
    pub fn setup_key(&self, publisher: &Slug, edition: u16) -> ProductKey {
        let serials = (0..).map(|attempt| self.setup_serial(edition, attempt));
        let mut keys = serials.filter_map(|serial| self.key(publisher, KeyKind::Setup, edition, serial));
        keys.next().expect("eight of nine serials make a key, and there is no end of attempts")
    }

    /// Whether this authority made the key; takes the same time whatever the difference.
    pub fn made(&self, key: &ProductKey) -> bool {
        self.tag(&key.fields()).ct_eq(&key.tag()).into()
    }

    fn tag(&self, fields: &KeyFields) -> [u8; 6] {
        first(&self.mac(TAG_PREFIX, &fields.mac_input()))
    }

    fn setup_serial(&self, edition: u16, attempt: u32) -> u32 {
        let [n0, n1] = edition.to_be_bytes();
        let [a0, a1, a2, a3] = attempt.to_be_bytes();
        let [s0, s1, s2] = first(&self.mac(SERIAL_PREFIX, &[n0, n1, a0, a1, a2, a3]));
        u32::from_be_bytes([0, s0, s1, s2])
    }

    fn mac(&self, prefix: &[u8], input: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.secret).expect("HMAC takes secrets of any length");
        mac.update(prefix);
        mac.update(input);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tags(***)")
    }
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|place| bytes[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        Tags::new(Zeroizing::new(std::array::from_fn(|n| u8::try_from(n).unwrap())))
    }

    /// The keys of `docs/spec/product-keys.md`, 9.
    #[test]
    fn keys_are_those_of_the_specification() {
        for (publisher, kind, number, serial, key) in [
            ("acme", KeyKind::Setup, 1, 1, "FJ6B3-QVQCM-YCVB7-BJB3P-8KDBJ"),
            ("acme", KeyKind::Host, 7, 43, "GDVC8-QHX68-699TG-DTXQ8-6K264"),
            ("globex.example", KeyKind::Mak, 65_535, 16_777_215, "H29B4-VD2T6-4V74J-678TY-WXHVC"),
        ] {
            let made = tags().key(&publisher.parse().unwrap(), kind, number, serial).unwrap();
            assert_eq!(made.reveal(), key);
            assert!(tags().made(&made));
        }
        assert_eq!(tags().key(&"acme".parse().unwrap(), KeyKind::Host, 7, 42), None);
    }

    #[test]
    fn a_key_with_another_tag_was_not_made_here() {
        let key = tags().setup_key(&"acme".parse().unwrap(), 1);
        assert!(!Tags::new(Zeroizing::new([7; 32])).made(&key));
        let [a, b, c, d, e, last] = key.tag();
        let forged = (1..=u8::MAX).filter_map(|bits| ProductKey::assemble(key.fields(), [a, b, c, d, e, last ^ bits]));
        let forged: Vec<ProductKey> = forged.collect();
        assert!(forged.len() > 200 && forged.iter().all(|key| !tags().made(key)));
    }

    #[test]
    fn every_edition_has_one_setup_key_for_ever() {
        let publisher = "acme".parse().unwrap();
        for number in [0, 1, 2, 255, 256, u16::MAX] {
            let key = tags().setup_key(&publisher, number);
            assert_eq!((key.fields().kind, key.fields().number), (KeyKind::Setup, number));
            assert!(tags().made(&key) && tags().setup_key(&publisher, number) == key);
        }
        assert_eq!(tags().setup_key(&publisher, 1).reveal(), "FJ6B3-Q8Q97-4QYR8-8K2CD-T9GXC");
    }
}
