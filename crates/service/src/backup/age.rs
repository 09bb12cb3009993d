//! Files of age (age-encryption.org/v1) with a passphrase: what is written here opens with any implementation of age.
//!
//! Nothing of a chunk is given out before its tag has been checked, and the end of the file is only where a tag says so.
//! The `age` crate would bring ninety packages, old generations of our ciphers among them; the format needs four primitives
//! that are here already.

use std::io::{self, BufRead, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use scrypt::Params;
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use super::unreadable::Unreadable;
use crate::Env;

/// The first line of every file of age.
pub(super) const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// What the salt of the passphrase begins with.
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// 2^17 rounds with blocks of 1 KiB: 128 MiB, and less than half a second.
const LOG_ROUNDS: u8 = 17;
/// More would only tie up the machine that reads the file.
const LOG_ROUNDS_MAX: u8 = 20;
/// Plain bytes of a chunk.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
/// The longest line of a header with a passphrase.
const LINE_MAX: u64 = 128;

/// Draws for one file.
struct Draws {
    file_key: Zeroizing<[u8; 16]>,
    salt: [u8; 16],
    nonce: [u8; 16],
}

/// What is written into it arrives sealed in `inner`; without [`Sealer::finish`] it is no file.
pub(super) struct Sealer<W> {
    inner: W,
    chunks: Chunks,
    /// Plain bytes that wait for their chunk to be full, or to be the last one.
    waiting: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealer<W> {
    /// Begins a file.
    pub fn new(inner: W, passphrase: &Passphrase, env: &Env) -> io::Result<Sealer<W>> {
        let draws = Draws { file_key: Zeroizing::new(env.random()), salt: env.random(), nonce: env.random() };
        Sealer::with(inner, passphrase, LOG_ROUNDS, &draws)
    }

    fn with(mut inner: W, passphrase: &Passphrase, log_rounds: u8, draws: &Draws) -> io::Result<Sealer<W>> {
        let mut body = draws.file_key.to_vec();
        wrapping(passphrase, &draws.salt, log_rounds)?.seal(&mut body, [0; 12])?;
        let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let mut header = MAGIC.to_vec();
        header.extend(format!("-> scrypt {} {log_rounds}\n{}\n---", encode(&draws.salt), encode(&body)).into_bytes());
        let mac = hmac::sign(&mac_key(&draws.file_key), &header);
        header.extend(format!(" {}\n", encode(mac.as_ref())).into_bytes());
        inner.write_all(&header)?;
        inner.write_all(&draws.nonce)?;
        let waiting = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
        Ok(Sealer { inner, chunks: Chunks::new(&draws.file_key, &draws.nonce), waiting })
    }

    /// Seals the last chunk, and gives back what was written into.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_chunk(true)?;
        Ok(self.inner)
    }

    fn write_chunk(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.chunks.next(is_last);
        self.chunks.key.seal(&mut self.waiting, nonce)?;
        self.inner.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk may be the last one, so it waits for another byte.
        if self.waiting.len() == CHUNK && !bytes.is_empty() {
            self.write_chunk(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Gives out what a file holds; errors of the file itself are [`Unreadable`] inside.
pub(super) struct Opener<R> {
    inner: R,
    chunks: Chunks,
    /// What was opened and not given out; `at` is where that begins.
    opened: Zeroizing<Vec<u8>>,
    at: usize,
    is_over: bool,
}

impl<R: BufRead> Opener<R> {
    /// Reads the header of a file, [`MAGIC`] included.
    pub fn new(mut inner: R, passphrase: &Passphrase) -> io::Result<Opener<R>> {
        let mut header = Vec::new();
        let mut line = || {
            let begin = header.len();
            inner.by_ref().take(LINE_MAX).read_until(b'\n', &mut header)?;
            let line = std::str::from_utf8(&header[begin..]).ok().and_then(|line| line.strip_suffix('\n'));
            line.map(str::to_owned).ok_or_else(|| io::Error::from(Unreadable::Header))
        };
        let (_, stanza, body, end) = (line()?, line()?, line()?, line()?);
        let malformed = || io::Error::from(Unreadable::Header);
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| malformed());
        let fields: Vec<&str> = stanza.split(' ').collect();
        let ["->", "scrypt", salt, rounds] = fields[..] else { return Err(Unreadable::Recipients.into()) };
        let log_rounds = rounds.parse().ok().filter(|rounds| (1..=LOG_ROUNDS_MAX).contains(rounds));
        let log_rounds = log_rounds.ok_or_else(malformed)?;
        let (salt, mut body) = (decode(salt)?, Zeroizing::new(decode(&body)?));
        if salt.len() != 16 || body.len() != 16 + TAG {
            return Err(malformed());
        }
        let mac = decode(end.strip_prefix("--- ").ok_or_else(malformed)?)?;
        let opened = wrapping(passphrase, &salt, log_rounds)?.open(&mut body, [0; 12]);
        let file_key: [u8; 16] = opened.and_then(|key| (&*key).try_into().ok()).ok_or(Unreadable::Passphrase)?;
        let file_key = Zeroizing::new(file_key);
        header.truncate(header.len() - end.len() - 1 + "---".len());
        hmac::verify(&mac_key(&file_key), &header, &mac).map_err(|_| Unreadable::Changed)?;
        let mut nonce = [0; 16];
        inner.read_exact(&mut nonce).map_err(|_| Unreadable::Truncated)?;
        let chunks = Chunks::new(&file_key, &nonce);
        Ok(Opener { inner, chunks, opened: Zeroizing::new(Vec::new()), at: 0, is_over: false })
    }

    fn read_chunk(&mut self) -> io::Result<()> {
        self.opened.clear();
        self.inner.by_ref().take((CHUNK + TAG) as u64).read_to_end(&mut self.opened)?;
        let is_last = self.opened.len() < CHUNK + TAG || self.inner.fill_buf()?.is_empty();
        let nonce = self.chunks.next(is_last);
        let len = match self.chunks.key.open(&mut self.opened, nonce) {
            Some(plain) => plain.len(),
            // A chunk that would be in order with others behind it, and has none, is where the file was cut off.
            None if is_last => return Err(Unreadable::Truncated.into()),
            None => return Err(Unreadable::Changed.into()),
        };
        self.opened.truncate(len);
        (self.at, self.is_over) = (0, is_last);
        Ok(())
    }
}

impl<R: BufRead> Read for Opener<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.at == self.opened.len() && !self.is_over {
            self.read_chunk()?;
        }
        let given = bytes.len().min(self.opened.len() - self.at);
        bytes[..given].copy_from_slice(&self.opened[self.at..self.at + given]);
        self.at += given;
        Ok(given)
    }
}

/// The chunks of a payload: a key, and a nonce for each that counts and says which is the last.
struct Chunks {
    key: Key,
    next: u64,
}

impl Chunks {
    fn new(file_key: &[u8; 16], nonce: &[u8; 16]) -> Chunks {
        Chunks { key: Key::new(&derived(file_key, nonce, b"payload")), next: 0 }
    }

    fn next(&mut self, is_last: bool) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.next += 1;
        nonce
    }
}

/// ChaCha20-Poly1305 without additional data; nonces are never used twice with one key.
struct Key(LessSafeKey);

impl Key {
    fn new(key: &[u8; 32]) -> Key {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the cipher takes keys of this length");
        Key(LessSafeKey::new(key))
    }

    fn seal(&self, bytes: &mut Vec<u8>, nonce: [u8; 12]) -> io::Result<()> {
        let sealed = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), bytes);
        sealed.map_err(|_| io::Error::other("the cipher failed"))
    }

    fn open<'b>(&self, bytes: &'b mut [u8], nonce: [u8; 12]) -> Option<&'b mut [u8]> {
        self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), bytes).ok()
    }
}

/// The key that wraps the file's, made from the passphrase.
fn wrapping(passphrase: &Passphrase, salt: &[u8], log_rounds: u8) -> io::Result<Key> {
    let params = Params::new(log_rounds, 8, 1).map_err(|_| Unreadable::Header)?;
    let salt = [LABEL, salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    let derived = scrypt::scrypt(passphrase.reveal().as_bytes(), &salt, &params, &mut *key);
    derived.map_err(|error| io::Error::other(format!("no key can be made of the passphrase: {error}")))?;
    Ok(Key::new(&key))
}

fn mac_key(file_key: &[u8; 16]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*derived(file_key, b"", b"header"))
}

fn derived(file_key: &[u8; 16], salt: &[u8], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(file_key);
    let filled = extracted.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|key_material| key_material.fill(&mut *key));
    filled.expect("one block of the hash is never too much");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        text.parse().unwrap()
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let draws = Draws { file_key: Zeroizing::new([1; 16]), salt: [2; 16], nonce: [3; 16] };
        let mut sealer = Sealer::with(Vec::new(), &passphrase("a passphrase for tests"), 2, &draws).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(bytes: &[u8], with: &str) -> Result<Vec<u8>, Unreadable> {
        let mut plain = Vec::new();
        let read = Opener::new(bytes, &passphrase(with)).and_then(|mut opener| opener.read_to_end(&mut plain));
        read.map(|_| plain).map_err(|error| error.downcast::<Unreadable>().unwrap())
    }

    #[test]
    fn what_is_sealed_opens_again_whatever_its_length() {
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
            let plain: Vec<u8> = (0..len).map(|place| place.to_le_bytes()[0]).collect();
            let file = sealed(&plain);
            assert!(file.starts_with(b"age-encryption.org/v1\n-> scrypt AgICAgICAgICAgICAgICAg 2\n"));
            assert_eq!(opened(&file, "a passphrase for tests").unwrap(), plain, "{len} bytes");
        }
    }

    #[test]
    fn whatever_was_done_to_a_file_is_noticed() {
        let file = sealed(&[7; 2 * CHUNK + 100]);
        let header = file.windows(4).position(|bytes| bytes == b"--- ").unwrap() + 4 + 43 + 1;
        assert_eq!(opened(&file, "another passphrase"), Err(Unreadable::Passphrase));
        let with = |place: usize| {
            let mut changed = file.clone();
            changed[place] ^= 1;
            opened(&changed, "a passphrase for tests")
        };
        for (place, expected) in [
            (header - 20, Unreadable::Changed),
            (header + 20, Unreadable::Changed),
            (header + 16 + CHUNK + TAG + 5, Unreadable::Changed),
            (file.len() - 1, Unreadable::Truncated),
        ] {
            assert_eq!(with(place), Err(expected), "byte {place}");
        }
        for len in [0, 10, header - 60, header - 1, header + 3, header + 16, header + 16 + CHUNK + TAG, file.len() - 1]
        {
            let found = opened(&file[..len], "a passphrase for tests");
            assert!(matches!(found, Err(Unreadable::Header | Unreadable::Truncated)), "{len}: {found:?}");
        }
        let longer = [&file[..], b"x"].concat();
        assert!(opened(&longer, "a passphrase for tests").is_err());
        let other = String::from_utf8_lossy(&file).replace("-> scrypt", "-> X25519").into_bytes();
        assert_eq!(opened(&other, "a passphrase for tests"), Err(Unreadable::Recipients));
    }
}
