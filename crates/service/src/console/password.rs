//! Passwords: what may be one, and how one is stored and compared.
//!
//! Comparing costs as much where there is nothing to compare with, so that the time tells nothing about names. It costs
//! memory as well, so few are compared at one time, and a flood of attempts is turned away.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use keymuster_core::codes;
use tokio::sync::Semaphore;

use crate::{Env, Problem};

/// The fewest characters of a password.
pub const LENGTH_MIN: usize = 12;
/// The most characters of a password.
pub const LENGTH_MAX: usize = 200;
/// Fewer different characters than this are a pattern and no password.
const DIFFERENT_MIN: usize = 5;

/// Memory in KiB, passes and lanes of Argon2id: more than the 19 MiB and 2 passes that OWASP asks for at least.
const COST: (u32, u32, u32) = (32 * 1024, 2, 1);
/// How many are compared at one time.
const AT_ONCE: usize = 2;
/// How many wait or are compared.
const PLACES: usize = 24;
/// When it makes sense to come again where all places are taken, in seconds.
const BUSY_SECS: u64 = 5;

/// What people choose most often, among passwords that are long enough; letters and digits alone are compared.
const COMMON: [&str; 32] = [
    "1234567890123",
    "123456789abc",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abcdefghijkl",
    "abcd12345678",
    "administrator",
    "administrator1",
    "adminadminadmin",
    "changemechangeme",
    "changeme1234",
    "correcthorsebatterystaple",
    "iloveyou1234",
    "keymusterkeymuster",
    "letmeinletmein",
    "licencelicence",
    "licenselicense",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "qwerty123456",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "qwertzuiop12",
    "qwertzuiop123",
    "secretsecret",
    "summer2026summer",
    "welcome12345",
    "welcomewelcome",
    "zaq12wsxcde3",
];

/// Whether it may be the password of an account, or why not.
pub fn check(password: &str, account: &str) -> Result<(), String> {
    let length = password.chars().count();
    let plain: String = password.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let mut different: Vec<char> = plain.chars().collect();
    different.sort_unstable();
    different.dedup();
    if length < LENGTH_MIN {
        return Err(format!("a password has at least {LENGTH_MIN} characters; this one has {length}"));
    }
    if length > LENGTH_MAX {
        return Err(format!("a password has at most {LENGTH_MAX} characters; this one has {length}"));
    }
    if password.to_lowercase().contains(account) {
        return Err("a password does not contain the name of its account".to_owned());
    }
    if different.len() < DIFFERENT_MIN || COMMON.contains(&plain.as_str()) || is_counted(&plain) {
        return Err("many people use this password or pattern, so that it is tried first".to_owned());
    }
    Ok(())
}

/// Whether each character follows the one before it: `abcdefghijklm`.
fn is_counted(text: &str) -> bool {
    text.chars().zip(text.chars().skip(1)).all(|(one, next)| u32::from(next) == u32::from(one) + 1)
}

/// Its digest in PHC form; takes a tenth of a second.
pub fn digest(password: &str, env: &Env) -> String {
    hashed(password, env.random())
}

fn hashed(password: &str, salt: [u8; 16]) -> String {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, None).expect("the cost is within what Argon2 takes");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_with_salt(password.as_bytes(), &salt).expect("salt and password are of good size").to_string()
}

/// Whether it is the password with this digest; takes as long where there is none.
fn is_right(password: &str, stored: Option<&str>) -> bool {
    let Some(stored) = stored else {
        hashed(password, [0; 16]);
        return false;
    };
    let Ok(stored) = PasswordHash::new(stored) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &stored).is_ok()
}

/// Where passwords are compared.
#[derive(Debug)]
pub struct Passwords {
    places: Semaphore,
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords { places: Semaphore::new(PLACES), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Passwords {
    /// Whether it is the password with this digest.
    pub async fn is_right(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        self.take_turn(move || password.chars().count() <= LENGTH_MAX && is_right(&password, stored.as_deref())).await
    }

    /// The digest of a new password.
    pub async fn digest(&self, password: String, env: Env) -> Result<String, Problem> {
        self.take_turn(move || digest(&password, &env)).await
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _place = self.places.try_acquire().map_err(|_| {
            let detail = "too many people sign in at this moment; try again in a few seconds";
            Problem::new(&codes::HOST_BUSY, detail).retry_after(BUSY_SECS)
        })?;
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        match tokio::task::spawn_blocking(work).await {
            Ok(value) => Ok(value),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    use keymuster_core::time::Timestamp;

    use super::*;

    #[test]
    fn what_may_be_a_password() {
        let long = "ä".repeat(LENGTH_MAX + 1);
        for (password, account, is_taken) in [
            ("a lamp in the fog", "ada", true),
            ("ünïcödé-lämp", "ada", true),
            ("elevenchars", "ada", false),
            ("my name is ADA today", "ada", false),
            ("Password-1234", "ada", false),
            ("passwordpassword", "ada", false),
            ("aaaaaaaaaaaaaaaa", "b", false),
            ("abcdefghijklmnop", "x", false),
            (&long, "ada", false),
        ] {
            assert_eq!(check(password, account).is_ok(), is_taken, "{password}: {:?}", check(password, account));
        }
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_digest_alone() {
        let env = Env::fixed(Timestamp::from_secs(0), 1);
        let passwords = Passwords::default();
        let stored = passwords.digest("a lamp in the fog".to_owned(), env.clone()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=32768,t=2,p=1$"), "{stored}");
        assert_ne!(stored, digest("a lamp in the fog", &env), "salted");
        for (password, stored, expected) in [
            ("a lamp in the fog", Some(stored.clone()), true),
            ("a lamp in the fog ", Some(stored), false),
            ("a lamp in the fog", None, false),
            ("a lamp in the fog", Some("damaged".to_owned()), false),
        ] {
            assert_eq!(passwords.is_right(password.to_owned(), stored.clone()).await.unwrap(), expected, "{stored:?}");
        }
    }

    #[tokio::test]
    async fn a_flood_is_turned_away() {
        let passwords = Passwords::default();
        let _all = passwords.places.acquire_many(PLACES.try_into().unwrap()).await.unwrap();
        assert_eq!(passwords.is_right("x".to_owned(), None).await.unwrap_err().code(), &codes::HOST_BUSY);
    }
}
