//! One-time codes of an authenticator (RFC 6238): six digits, a new code each half minute, HMAC-SHA-1.
//!
//! A code counts once: the step of the last one is kept, and only later steps are taken.

use hmac::{Hmac, KeyInit as _, Mac as _};
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::time::Timestamp;
use sha1::Sha1;

use crate::Env;

/// For how long a code is shown, in seconds.
const STEP_SECS: u64 = 30;
/// How many steps a telephone's clock may be off.
const STEPS_OFF: u64 = 1;
/// Digits of a code.
const DIGITS: usize = 6;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret, as it is stored: 160 bits in hexadecimal.
pub fn new_secret(env: &Env) -> String {
    to_hex(&env.random::<20>())
}

/// A secret as people type it: Base32 in groups of four.
pub fn secret_words(secret: &str) -> String {
    let symbols = base32(&from_hex::<20>(secret).unwrap_or_default());
    let groups: Vec<&str> =
        symbols.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(" ")
}

/// What an authenticator reads from a QR code; `issuer` tells this server from others.
pub fn link(issuer: &str, account: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let secret = base32(&from_hex::<20>(secret).unwrap_or_default());
    let (issuer, account) = (encode(issuer), encode(account));
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
}

/// The step to which a code belongs, if it is one of these minutes and later than the last that was used.
pub fn step_of(secret: &str, code: &str, last: Option<u64>, now: Timestamp) -> Option<u64> {
    let secret = from_hex::<20>(secret)?;
    let typed: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let current = now.as_secs() / STEP_SECS;
    let mut steps = current.saturating_sub(STEPS_OFF)..=current + STEPS_OFF;
    steps.find(|step| last.is_none_or(|last| *step > last) && self::code(&secret, *step) == typed)
}

/// What an authenticator shows in one step.
fn code(secret: &[u8], step: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 0x0f);
    let number = u32::from_be_bytes([digest[offset], digest[offset + 1], digest[offset + 2], digest[offset + 3]]);
    let number = (number & 0x7fff_ffff) % 10_u32.pow(6);
    format!("{number:0DIGITS$}")
}

/// RFC 4648, for whole groups of five bytes, of which a secret has four.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(5) {
        let number = group.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) << (8 * (5 - group.len()));
        let symbols = (0..8).map(|place| number >> (35 - 5 * place) & 0x1f);
        text.extend(symbols.map(|symbol| char::from(BASE32[usize::try_from(symbol).unwrap_or(0)])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B, whose codes of eight digits end in those of six.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        for (secs, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, secs / STEP_SECS), expected, "at {secs}");
        }
    }

    #[test]
    fn a_secret_is_shown_as_authenticators_take_it() {
        let secret = to_hex(SECRET);
        assert_eq!(secret_words(&secret), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            link("Keymuster host 1234", "ada@corp", &secret),
            "otpauth://totp/Keymuster%20host%201234:ada%40corp?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Keymuster%20host%201234"
        );
    }

    #[test]
    fn a_code_counts_once_and_a_minute_around_its_time() {
        let secret = to_hex(SECRET);
        let now = Timestamp::from_secs(1_111_111_111);
        let step = now.as_secs() / STEP_SECS;
        assert_eq!(step_of(&secret, " 050 471", None, now), Some(step));
        for (code, last, at, expected) in [
            ("050471", Some(step - 1), now, Some(step)),
            ("050471", Some(step), now, None),
            ("050471", None, now.plus(30), Some(step)),
            ("050471", None, now.minus(30), Some(step)),
            ("050471", None, now.plus(60), None),
            ("050472", None, now, None),
            ("", None, now, None),
        ] {
            assert_eq!(step_of(&secret, code, last, at), expected, "{code} {last:?} {at}");
        }
    }
}
