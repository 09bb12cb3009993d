//! Product keys: 25 symbols which say what they are for, find their own typing errors, and carry a tag that only the
//! publisher's authority can check.
//!
//! A value of [`ProductKey`] is well formed; whether the authority ever made it, this crate cannot know.
//! Host keys and MAKs are secrets: nothing here prints a whole key but [`ProductKey::reveal`].
//! Specified in `docs/spec/product-keys.md`.

use std::fmt;
use std::iter::zip;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest, Sha256};

use crate::codes::{self, Code};
use crate::id::{NotAnId, Slug};
use crate::key_code::{DATA_LENGTH, Element, LENGTH, Word};

/// The alphabet of product keys; the place of a symbol in it is its digit.
pub const SYMBOLS: &str = "BCDFGHJKMPQRTVWXY2346789";

/// The number of symbols, and so the base in which the first 22 of them write the payload.
const BASE: u128 = 24;
/// The only format version there is.
const VERSION: u8 = 1;
const PAYLOAD_BITS: u32 = 100;
const ID_BITS: u32 = 52;
const SERIAL_BITS: u32 = 24;
const GROUP_LENGTH: usize = 5;
/// Room for a key with a few dashes and blanks too many; what is longer is not a key.
const TEXT_BYTES_MAX: usize = 100;

/// What a product key is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyKind {
    /// Public configuration of an edition: "activate me by a host".
    Setup,
    /// A customer's secret: entitles it to run hosts for a group.
    Host,
    /// A customer's secret: so many activations of an edition, straight at the authority.
    Mak,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            KeyKind::Setup => "setup key",
            KeyKind::Host => "host key",
            KeyKind::Mak => "MAK",
        })
    }
}

/// What a product key says in the open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyFields {
    /// What the key is for.
    pub kind: KeyKind,
    /// Number of the edition (setup key, MAK) or of the group (host key) in the publisher's catalogue.
    pub number: u16,
    /// The publisher's [`publisher_mark`].
    pub mark: u8,
    /// Distinguishes keys of equal kind, number and mark; below 2^24.
    pub serial: u32,
}

impl KeyFields {
    /// The bytes over which the authority computes the tag, after its own prefix: a nibble of zeros, two bits of
    /// version, two of kind, then number, mark and the lower 24 bits of the serial, all big-endian.
    pub fn mac_input(&self) -> [u8; 7] {
        let kind = match self.kind {
            KeyKind::Setup => 0,
            KeyKind::Host => 1,
            KeyKind::Mak => 2,
        };
        let [n0, n1] = self.number.to_be_bytes();
        let [_, s0, s1, s2] = self.serial.to_be_bytes();
        [VERSION << 2 | kind, n0, n1, self.mark, s0, s1, s2]
    }
}

/// The byte by which a key names its publisher a little, so that a host which serves several publishers can ask the
/// right authority, or say that none fits: the first byte of the SHA-256 of the slug.
///
/// ```
/// use keymuster_core::key::publisher_mark;
/// assert_eq!(publisher_mark(&"acme".parse()?), 0x82);
/// # Ok::<(), keymuster_core::id::NotAnId>(())
/// ```
pub fn publisher_mark(publisher: &Slug) -> u8 {
    let [first, ..]: [u8; 32] = Sha256::digest(publisher.as_str()).into();
    first
}

/// Names a product key in documents, databases and logs; it does not contain the tag, and so is no secret.
///
/// The 52 bits before the tag, shown as 13 hexadecimal digits.
/// Any 52 bits are taken, also those of a version or kind which this crate does not know: they name no key it can hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

impl KeyId {
    const EXPECTED: &'static str = "13 hexadecimal digits";
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let exact = text.len() == 13 && text.chars().all(|c| c.is_ascii_hexdigit());
        let number = exact.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(KeyId).ok_or(NotAnId { expected: KeyId::EXPECTED })
    }
}

impl<C> Encode<C> for KeyId {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KeyId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let number = d.u64()?;
        if number >> ID_BITS != 0 {
            return Err(decode::Error::message("key id has more than 52 bits"));
        }
        Ok(KeyId(number))
    }
}

/// A well-formed product key.
///
/// Deliberately without `Display`: a secret key is shown by its last five symbols, and whole only on request.
///
/// ```
/// use keymuster_core::key::{KeyError, KeyKind, ProductKey};
/// let key = ProductKey::parse("gdvc8 qhx68 699tg dtxq8 6k264")?;
/// assert_eq!(key.fields().kind, KeyKind::Host);
/// assert_eq!(key.fields().number, 7);
/// assert_eq!(key.id().to_string(), "500078200002b");
/// assert_eq!(format!("{key:?}"), "ProductKey(…-6K264)");
///
/// let error = ProductKey::parse("GDVC8-QHX68-689TG-DTXQ8-6K264").unwrap_err();
/// assert_eq!(error.to_string(), r#"group 3, symbol 2: "8" looks wrong, did you mean "9"?"#);
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProductKey {
    symbols: [char; LENGTH],
    fields: KeyFields,
    tag: [u8; 6],
}

impl ProductKey {
    /// Reads what a person typed: any case, dashes and blanks anywhere, at most 100 bytes.
    ///
    /// A wrong text is never corrected silently; the error says what was probably meant.
    pub fn parse(text: &str) -> Result<ProductKey, KeyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(KeyError::TooLong);
        }
        let typed: Vec<char> = text.chars().filter(|c| !is_separator(*c)).collect();
        let typed = <[char; LENGTH]>::try_from(typed).map_err(|typed| KeyError::WrongLength { found: typed.len() })?;
        let word = Word(typed.map(|c| element_of(c).unwrap_or(Element::ZERO)));
        let outside = |(place, c): (Element, char)| element_of(c).is_none().then_some(place);
        let erased: Vec<Element> = zip(Element::all(), typed).filter_map(outside).collect();
        if erased.is_empty() && word.is_codeword() {
            return ProductKey::from_codeword(&word);
        }
        Err(explain(&typed, &word, &erased))
    }

    /// Puts a key together, for the authority, which has computed the tag over [`KeyFields::mac_input`].
    ///
    /// None for about one serial in nine, because a check symbol has 25 values and the alphabet 24 symbols:
    /// the authority draws another serial. None also if the serial has more than 24 bits.
    pub fn assemble(fields: KeyFields, tag: [u8; 6]) -> Option<ProductKey> {
        if fields.serial >> SERIAL_BITS != 0 {
            return None;
        }
        let [a, b, c, d, e, f, g] = fields.mac_input();
        let [t, u, v, w, x, y] = tag;
        let mut rest = u128::from_be_bytes([0, 0, 0, a, b, c, d, e, f, g, t, u, v, w, x, y]);
        let mut data = [Element::ZERO; DATA_LENGTH];
        for digit in data.iter_mut().rev() {
            *digit = u8::try_from(rest % BASE).ok().and_then(Element::new)?;
            rest /= BASE;
        }
        ProductKey::from_codeword(&Word::encode(data)).ok()
    }

    /// What the key says.
    pub fn fields(&self) -> KeyFields {
        self.fields
    }

    /// The authority's MAC, which nobody else can check.
    pub fn tag(&self) -> [u8; 6] {
        self.tag
    }

    /// The key's public name.
    pub fn id(&self) -> KeyId {
        KeyId(self.fields.mac_input().into_iter().fold(0, |id, byte| id << 8 | u64::from(byte)))
    }

    /// The whole key in five groups of five; whoever calls this answers for where the text goes.
    pub fn reveal(&self) -> String {
        let groups: Vec<String> = self.symbols.chunks(GROUP_LENGTH).map(String::from_iter).collect();
        groups.join("-")
    }

    /// The last five symbols, by which people recognise a key.
    pub fn last_five(&self) -> String {
        self.symbols.iter().skip(LENGTH - GROUP_LENGTH).collect()
    }

    /// Reads the fields of a codeword.
    fn from_codeword(word: &Word) -> Result<ProductKey, KeyError> {
        let symbols: Option<Vec<char>> = word.0.iter().map(|element| symbol_of(*element)).collect();
        let symbols = symbols.and_then(|symbols| symbols.try_into().ok()).ok_or(KeyError::Unreadable)?;
        let digits = word.0.iter().take(DATA_LENGTH);
        let payload = digits.fold(0, |payload, digit| payload * BASE + u128::from(digit.number()));
        if payload >> PAYLOAD_BITS != 0 {
            return Err(KeyError::TooLarge);
        }
        let [_, _, _, head, n0, n1, mark, s0, s1, s2, tag @ ..] = payload.to_be_bytes();
        let version = head >> 2;
        if version != VERSION {
            return Err(KeyError::UnknownVersion { version });
        }
        let kind = match head & 3 {
            0 => KeyKind::Setup,
            1 => KeyKind::Host,
            2 => KeyKind::Mak,
            _ => return Err(KeyError::UnknownKind),
        };
        let number = u16::from_be_bytes([n0, n1]);
        let serial = u32::from_be_bytes([0, s0, s1, s2]);
        Ok(ProductKey { symbols, fields: KeyFields { kind, number, mark, serial }, tag })
    }
}

impl fmt::Debug for ProductKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProductKey(…-{})", self.last_five())
    }
}

/// One symbol that looks wrong, and what was probably meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Correction {
    /// The group, 1 to 5.
    pub group: u8,
    /// The symbol within the group, 1 to 5.
    pub symbol: u8,
    /// The character as it was typed.
    pub found: char,
    /// The symbol that would make the text a key.
    pub suggestion: char,
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Correction { group, symbol, suggestion, .. } = self;
        // Quoted as a string is, so that a control character reaches no terminal.
        let found = String::from(self.found);
        write!(f, "group {group}, symbol {symbol}: {found:?} looks wrong, did you mean \"{suggestion}\"?")
    }
}

/// Why a text is no product key. It is always the text's fault: the person reads the original again and types.
///
/// An error holds at most three symbols of the key, so it may be logged.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is longer than any way of writing a key; probably something else was pasted.
    TooLong,
    /// There are not 25 characters besides dashes and blanks.
    WrongLength {
        /// How many there are.
        found: usize,
    },
    /// One to three symbols look wrong, and the key that was probably meant is known; show it to the person to confirm.
    ///
    /// More than one are found only where the characters do not belong to the alphabet.
    Mistyped(Vec<Correction>),
    /// The text would be a key if two neighbours were swapped; show it to the person to confirm.
    Swapped {
        /// The group of the first of the two, 1 to 5.
        group: u8,
        /// The place of the first of the two in its group, 1 to 5; the other follows it, perhaps in the next group.
        symbol: u8,
    },
    /// At least two symbols are wrong, and what was meant cannot be told; also said of a mistyped key of another
    /// version.
    Unreadable,
    /// The symbols agree, but write a number that no key has; at least four are wrong, or somebody invented them.
    TooLarge,
    /// The symbols agree, but follow another version of the format; a newer program may know it.
    UnknownVersion {
        /// The version, 0 to 3.
        version: u8,
    },
    /// The symbols agree, but this kind of key does not exist; a newer program may know it.
    UnknownKind,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::TooLong => write!(f, "a product key has {LENGTH} symbols, this text is far longer"),
            KeyError::WrongLength { found } => write!(f, "a product key has {LENGTH} symbols, this text has {found}"),
            KeyError::Mistyped(corrections) => {
                let sentences: Vec<String> = corrections.iter().map(Correction::to_string).collect();
                f.write_str(&sentences.join("; "))
            }
            KeyError::Swapped { group, symbol: 5 } => {
                write!(f, "group {group}, symbol 5 and group {}, symbol 1 look swapped", group.saturating_add(1))
            }
            KeyError::Swapped { group, symbol } => {
                write!(f, "group {group}, symbols {symbol} and {} look swapped", symbol.saturating_add(1))
            }
            KeyError::Unreadable => f.write_str("at least two symbols are wrong, type the key again"),
            KeyError::TooLarge => f.write_str("these symbols are no product key, type the key again"),
            KeyError::UnknownVersion { version } => {
                write!(f, "the key has format version {version}, this program knows version {VERSION} only")
            }
            KeyError::UnknownKind => f.write_str("the key is of a kind that this program does not know"),
        }
    }
}

impl std::error::Error for KeyError {}

impl KeyError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static Code {
        match self {
            KeyError::TooLong | KeyError::WrongLength { .. } => &codes::KEY_WRONG_LENGTH,
            KeyError::Mistyped(_) | KeyError::Swapped { .. } => &codes::KEY_MISTYPED,
            KeyError::Unreadable | KeyError::TooLarge => &codes::KEY_UNREADABLE,
            KeyError::UnknownVersion { .. } | KeyError::UnknownKind => &codes::KEY_UNKNOWN_VERSION,
        }
    }
}

/// Blanks, and the dashes that text processors put in place of the hyphen.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn element_of(c: char) -> Option<Element> {
    let digit = SYMBOLS.chars().position(|symbol| symbol == c.to_ascii_uppercase())?;
    u8::try_from(digit).ok().and_then(Element::new)
}

/// None for element 24, which has no symbol.
fn symbol_of(element: Element) -> Option<char> {
    SYMBOLS.chars().nth(usize::from(element.number()))
}

/// Finds out what was probably meant by 25 characters that are no codeword.
///
/// Nothing is proposed that would not itself be accepted.
fn explain(typed: &[char; LENGTH], word: &Word, erased: &[Element]) -> KeyError {
    let codeword = match erased {
        // At most one place works, since two codewords differ at four places or more.
        [] => Element::all().find_map(|place| word.filled(&[place])),
        _ => word.filled(erased),
    };
    if let Some(key) = codeword.and_then(|codeword| ProductKey::from_codeword(&codeword).ok()) {
        return KeyError::Mistyped(corrections(typed, &key));
    }
    if !erased.is_empty() {
        return KeyError::Unreadable;
    }
    // At most one swap works, since no two pairs of neighbours have the same sum of locators.
    match zip(0.., word.neighbour_swaps()).find(|(_, swapped)| swapped.is_codeword()) {
        Some((place, codeword)) if ProductKey::from_codeword(&codeword).is_ok() => {
            let (group, symbol) = group_and_symbol(place);
            KeyError::Swapped { group, symbol }
        }
        _ => KeyError::Unreadable,
    }
}

fn corrections(typed: &[char; LENGTH], key: &ProductKey) -> Vec<Correction> {
    let correction = |(place, (found, suggestion)): (u8, (char, char))| {
        let (group, symbol) = group_and_symbol(place);
        (found.to_ascii_uppercase() != suggestion).then_some(Correction { group, symbol, found, suggestion })
    };
    zip(0.., zip(*typed, key.symbols)).filter_map(correction).collect()
}

/// Where people find a place, both counted from 1.
const fn group_and_symbol(place: u8) -> (u8, u8) {
    (place / 5 + 1, place % 5 + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Keys whose tags were made with the bytes 0 to 31 as the authority's secret; also in the specification.
    const KNOWN: [(&str, &str, KeyFields, [u8; 6]); 3] = [
        (
            "FJ6B3-QVQCM-YCVB7-BJB3P-8KDBJ",
            "4000182000001",
            KeyFields { kind: KeyKind::Setup, number: 1, mark: 0x82, serial: 1 },
            [0x82, 0x5c, 0xe7, 0xbc, 0xe2, 0x57],
        ),
        (
            "GDVC8-QHX68-699TG-DTXQ8-6K264",
            "500078200002b",
            KeyFields { kind: KeyKind::Host, number: 7, mark: 0x82, serial: 43 },
            [0x6b, 0x5e, 0xd6, 0x48, 0x3f, 0x67],
        ),
        (
            "H29B4-VD2T6-4V74J-678TY-WXHVC",
            "6ffff93ffffff",
            KeyFields { kind: KeyKind::Mak, number: 65_535, mark: 0x93, serial: 16_777_215 },
            [0x9c, 0x8a, 0x81, 0x79, 0x8d, 0x5f],
        ),
    ];

    fn known_keys() -> impl Iterator<Item = ProductKey> {
        KNOWN.iter().map(|known| ProductKey::parse(known.0).unwrap())
    }

    fn any_key() -> impl Strategy<Value = ProductKey> {
        let kind = prop_oneof![Just(KeyKind::Setup), Just(KeyKind::Host), Just(KeyKind::Mak)];
        let fields = (kind, any::<u16>(), any::<u8>(), 0..1_u32 << SERIAL_BITS);
        (fields, any::<[u8; 6]>()).prop_filter_map("a check symbol has no letter", |(fields, tag)| {
            let (kind, number, mark, serial) = fields;
            ProductKey::assemble(KeyFields { kind, number, mark, serial }, tag)
        })
    }

    fn with(key: &ProductKey, changes: &[(usize, char)]) -> String {
        let mut symbols = key.symbols;
        for (place, symbol) in changes {
            symbols[*place] = *symbol;
        }
        String::from_iter(symbols)
    }

    fn correction(key: &ProductKey, place: usize, found: char) -> Correction {
        let (group, symbol) = group_and_symbol(u8::try_from(place).unwrap());
        Correction { group, symbol, found, suggestion: key.symbols[place] }
    }

    fn swapped(place: usize) -> KeyError {
        let (group, symbol) = group_and_symbol(u8::try_from(place).unwrap());
        KeyError::Swapped { group, symbol }
    }

    /// The codeword that carries `payload`, as text, if each of its symbols has a letter.
    fn text_of(payload: u128) -> Option<String> {
        let mut data = [Element::ZERO; DATA_LENGTH];
        let mut rest = payload;
        for digit in data.iter_mut().rev() {
            *digit = Element::new(u8::try_from(rest % BASE).unwrap()).unwrap();
            rest /= BASE;
        }
        Word::encode(data).0.into_iter().map(symbol_of).collect()
    }

    #[test]
    fn known_keys_read_and_write_as_specified() {
        for (text, id, fields, tag) in KNOWN {
            let key = ProductKey::parse(text).unwrap();
            assert_eq!((key.fields(), key.tag()), (fields, tag), "{text}");
            assert_eq!((key.reveal(), key.id().to_string()), (text.to_owned(), id.to_owned()));
            assert_eq!(format!("0{id}"), crate::id::to_hex(&fields.mac_input()));
            assert_eq!(format!("{key:?}"), format!("ProductKey(…-{})", &text[24..]));
            assert_eq!(ProductKey::assemble(fields, tag), Some(key));
        }
    }

    #[test]
    fn keys_that_cannot_be_written_are_not_assembled() {
        // The last check symbol of this one would be element 24.
        let tag = [0xe9, 0x91, 0xa1, 0xfd, 0x72, 0x78];
        let (.., known, known_tag) = KNOWN[1];
        assert_eq!(ProductKey::assemble(KeyFields { serial: 42, ..known }, tag), None);
        assert_eq!(ProductKey::assemble(KeyFields { serial: 43 | 1 << SERIAL_BITS, ..known }, known_tag), None);
    }

    #[test]
    fn case_dashes_and_blanks_do_not_matter() {
        let key = ProductKey::parse(KNOWN[1].0).unwrap();
        for text in [
            "gdvc8qhx68699tgdtxq86k264",
            " GDVC8 QHX68\t699TG\u{a0}DTXQ8\n6K264\r\n",
            "--gDvC8 - QHX68 – 699TG — DTXQ8 \u{2212} 6K26-4-",
        ] {
            assert_eq!(ProductKey::parse(text), Ok(key), "{text:?}");
        }
        assert_eq!(ProductKey::parse(&format!("{:100}", key.reveal())), Ok(key));
        assert_eq!(ProductKey::parse(&format!("{:101}", key.reveal())), Err(KeyError::TooLong));
    }

    #[test]
    fn errors_say_what_to_look_at() {
        for (text, message) in [
            ("", "a product key has 25 symbols, this text has 0"),
            ("GDVC8-QHX68-699TG-DTXQ8-6K26", "a product key has 25 symbols, this text has 24"),
            ("GDVC8-QHX68-689TG-DTXQ8-6K264", r#"group 3, symbol 2: "8" looks wrong, did you mean "9"?"#),
            ("GDVC8-QHX68-699TG-DTXQ8-6K26b", r#"group 5, symbol 5: "b" looks wrong, did you mean "4"?"#),
            (
                "0DVC8-QHX68-699\u{7}G-DTXQ8-6K26é",
                "group 1, symbol 1: \"0\" looks wrong, did you mean \"G\"?; \
                 group 3, symbol 4: \"\\u{7}\" looks wrong, did you mean \"T\"?; \
                 group 5, symbol 5: \"é\" looks wrong, did you mean \"4\"?",
            ),
            ("GDVC8-QHX86-699TG-DTXQ8-6K264", "group 2, symbols 4 and 5 look swapped"),
            ("GDVC8-QHX66-899TG-DTXQ8-6K264", "group 2, symbol 5 and group 3, symbol 1 look swapped"),
            ("GDVC8-QHX68-BB9TG-DTXQ8-6K264", "at least two symbols are wrong, type the key again"),
            ("0000B-QHX68-699TG-DTXQ8-6K264", "at least two symbols are wrong, type the key again"),
        ] {
            assert_eq!(ProductKey::parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn codewords_that_are_no_keys_are_named_and_never_suggested() {
        let first = |high: u128| (0..1000).find_map(|low| text_of(high | low)).unwrap();
        for (high, error) in [
            (0 << 98, KeyError::UnknownVersion { version: 0 }),
            (2 << 98, KeyError::UnknownVersion { version: 2 }),
            (3 << 98, KeyError::UnknownVersion { version: 3 }),
            (7 << 96, KeyError::UnknownKind),
            (1 << 100, KeyError::TooLarge),
        ] {
            let text = first(high);
            assert_eq!(ProductKey::parse(&text), Err(error), "{text}");
            for wrong in ["0", "B", "9"].into_iter().filter(|wrong| *wrong != &text[9..10]) {
                let text = format!("{}{wrong}{}", &text[..9], &text[10..]);
                assert_eq!(ProductKey::parse(&text), Err(KeyError::Unreadable), "{text}");
            }
        }
    }

    #[test]
    fn every_single_wrong_symbol_is_located_and_corrected() {
        for key in known_keys() {
            for place in 0..LENGTH {
                for wrong in SYMBOLS.chars().filter(|symbol| *symbol != key.symbols[place]) {
                    let error = KeyError::Mistyped(vec![correction(&key, place, wrong)]);
                    assert_eq!(ProductKey::parse(&with(&key, &[(place, wrong)])), Err(error));
                }
            }
        }
    }

    #[test]
    fn two_wrong_symbols_are_never_accepted_nor_taken_for_one() {
        for key in known_keys() {
            let mut unreadable = 0;
            let mut tried = 0;
            for (i, j) in (0..LENGTH).flat_map(|j| (0..j).map(move |i| (i, j))) {
                for n in 1..8 {
                    let wrong = |place: usize| {
                        let digit = SYMBOLS.find(key.symbols[place]).unwrap();
                        (place, SYMBOLS.chars().nth((digit + 1 + (n * 7 + place * n * n) % 23) % 24).unwrap())
                    };
                    let text = with(&key, &[wrong(i), wrong(j)]);
                    tried += 1;
                    match ProductKey::parse(&text) {
                        Err(KeyError::Unreadable) => unreadable += 1,
                        Err(KeyError::Swapped { .. }) => {}
                        other => panic!("{text}: {other:?}"),
                    }
                }
            }
            assert!(unreadable * 100 > tried * 98, "{unreadable} of {tried}");
        }
    }

    #[test]
    fn swapped_neighbours_are_named_and_never_taken_for_a_single_error() {
        for key in known_keys() {
            for first in 0..LENGTH - 1 {
                let (a, b) = (key.symbols[first], key.symbols[first + 1]);
                let expected = if a == b { Ok(key) } else { Err(swapped(first)) };
                assert_eq!(ProductKey::parse(&with(&key, &[(first, b), (first + 1, a)])), expected);
            }
        }
    }

    #[test]
    fn up_to_three_foreign_characters_are_filled() {
        let foreign = ['0', 'O', 'ß'];
        for key in known_keys() {
            for (a, b, c) in (0..LENGTH).flat_map(|c| (0..=c).flat_map(move |b| (0..=b).map(move |a| (a, b, c)))) {
                let places: Vec<usize> = BTreeSet::from([a, b, c]).into_iter().collect();
                let changes: Vec<(usize, char)> = zip(places, foreign).collect();
                let expected = changes.iter().map(|(place, found)| correction(&key, *place, *found)).collect();
                let error = KeyError::Mistyped(expected);
                assert_eq!(ProductKey::parse(&with(&key, &changes)), Err(error));
            }
            let four = with(&key, &[(0, '0'), (6, '0'), (12, '0'), (18, '0')]);
            assert_eq!(ProductKey::parse(&four), Err(KeyError::Unreadable));
        }
    }

    #[test]
    fn random_symbols_are_hardly_ever_a_key() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut symbol = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            SYMBOLS.chars().nth(usize::try_from(state >> 32).unwrap() % 24).unwrap()
        };
        let accepted = (0..20_000).filter(|_| {
            let text: String = (0..LENGTH).map(|_| symbol()).collect();
            ProductKey::parse(&text).is_ok()
        });
        assert!(accepted.count() <= 2, "about 0.13 are expected");
    }

    #[test]
    fn ids_are_13_digits_and_52_bits() {
        let id: KeyId = "500078200002b".parse().unwrap();
        assert_eq!(format!("{id} {id:?}"), "500078200002b KeyId(500078200002b)");
        for bad in ["", "+00078200002b", "500078200002", "500078200002b0", "500078200002g", "500078200002é"] {
            assert_eq!(bad.parse::<KeyId>(), Err(NotAnId { expected: "13 hexadecimal digits" }), "{bad}");
        }
        let bytes = minicbor::to_vec(id).unwrap();
        assert_eq!(crate::id::to_hex(&bytes), "1b000500078200002b");
        assert_eq!(minicbor::decode::<KeyId>(&bytes).unwrap(), id);
        assert!(minicbor::decode::<KeyId>(&minicbor::to_vec((1_u64 << 52) - 1).unwrap()).is_ok());
        assert!(minicbor::decode::<KeyId>(&minicbor::to_vec(1_u64 << 52).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn keys_survive_the_way_through_text(key in any_key()) {
            prop_assert_eq!(ProductKey::parse(&key.reveal()), Ok(key));
            prop_assert_eq!(ProductKey::parse(&key.reveal().to_lowercase().replace('-', " ")), Ok(key));
            prop_assert_eq!(ProductKey::assemble(key.fields(), key.tag()), Some(key));
            prop_assert_eq!(key.id().to_string().parse(), Ok(key.id()));
            prop_assert!(key.reveal().ends_with(&key.last_five()));
        }

        #[test]
        fn a_damaged_key_is_never_another_key_and_suggestions_are_keys(
            key in any_key(),
            changes in prop::collection::vec((0..LENGTH, any::<char>()), 1..4),
        ) {
            match ProductKey::parse(&with(&key, &changes)) {
                Ok(parsed) => prop_assert_eq!(parsed, key),
                Err(KeyError::Mistyped(corrections)) => {
                    let mended: Vec<(usize, char)> = corrections
                        .iter()
                        .map(|c| (usize::from(c.group * 5 + c.symbol - 6), c.suggestion))
                        .collect();
                    let mended = with(&key, &[changes, mended].concat());
                    prop_assert!(ProductKey::parse(&mended).is_ok(), "{}", mended);
                }
                Err(_) => {}
            }
        }

        #[test]
        fn no_text_panics_or_puts_control_characters_into_messages(
            text in prop_oneof![
                any::<String>(),
                "[ B-Yb-y0-9-]{20,40}",
                "[BCDFGHJKMPQRTVWXY2346789]{25}",
                prop::collection::vec(any::<char>(), 25).prop_map(String::from_iter),
            ],
        ) {
            if let Err(error) = ProductKey::parse(&text) {
                let message = error.to_string();
                prop_assert!(!message.is_empty() && !message.contains(char::is_control));
            }
        }
    }
}
