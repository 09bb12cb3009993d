//! Product keys: any text, and real keys with a few symbols mistyped. Nothing panics, what is accepted is written the same
//! way again, and one wrong symbol is always found.
//!
//! Random text is almost never a key, so the same bytes are also taken as the fields of a key and what happens to it.
#![no_main]

use keymuster_core::key::{Correction, KeyError, KeyFields, KeyKind, ProductKey, SYMBOLS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        any_text(text);
    }
    if let Some((head, slips)) = bytes.split_at_checked(13)
        && let Some(key) = real_key(head)
    {
        mistyped_key(&key, slips);
    }
});

fn any_text(text: &str) {
    match ProductKey::parse(text) {
        Ok(key) => same_again(&key),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn same_again(key: &ProductKey) {
    assert_eq!(ProductKey::parse(&key.reveal()).as_ref(), Ok(key));
    assert_eq!(ProductKey::assemble(key.fields(), key.tag()).as_ref(), Some(key));
}

/// None for the serials that no key can have.
fn real_key(bytes: &[u8]) -> Option<ProductKey> {
    let &[kind, n0, n1, mark, s0, s1, s2, ref tag @ ..] = bytes else { return None };
    let kind = [KeyKind::Setup, KeyKind::Host, KeyKind::Mak][usize::from(kind) % 3];
    let number = u16::from_be_bytes([n0, n1]);
    let serial = u32::from_be_bytes([0, s0, s1, s2]);
    ProductKey::assemble(KeyFields { kind, number, mark, serial }, tag.try_into().ok()?)
}

/// Replaces symbols, by others or by characters that no key has, and checks what the error proposes.
fn mistyped_key(key: &ProductKey, slips: &[u8]) {
    let symbols: Vec<char> = key.reveal().chars().filter(|c| *c != '-').collect();
    let mut typed = symbols.clone();
    for slip in slips.chunks_exact(2) {
        let keyboard: Vec<char> = SYMBOLS.chars().chain("015AEILNOSUZ?é".chars()).collect();
        typed[usize::from(slip[0]) % 25] = keyboard[usize::from(slip[1]) % keyboard.len()];
    }
    let wrong = || typed.iter().zip(&symbols).filter(|(typed, symbol)| typed != symbol);
    let foreign = wrong().filter(|(typed, _)| !SYMBOLS.contains(**typed)).count();

    let result = ProductKey::parse(&String::from_iter(&typed));
    match (wrong().count(), &result) {
        (0, read) => assert_eq!(read.as_ref(), Ok(key)),
        (1..=3, Ok(_)) => panic!("up to three wrong symbols were not noticed"),
        (1, Err(KeyError::Mistyped(corrections))) => assert_eq!(corrected(&typed, corrections), symbols),
        (1, Err(error)) => panic!("one wrong symbol was not found: {error}"),
        (2..=3, Err(KeyError::Mistyped(corrections))) if wrong().count() == foreign => {
            assert_eq!(corrected(&typed, corrections), symbols);
        }
        _ => {}
    }
    if let Err(KeyError::Mistyped(corrections)) = result {
        let accepted = ProductKey::parse(&String::from_iter(corrected(&typed, &corrections)));
        assert!(accepted.is_ok(), "a key was proposed that is none");
    }
}

fn corrected(typed: &[char], corrections: &[Correction]) -> Vec<char> {
    let mut symbols = typed.to_vec();
    for correction in corrections {
        let place = usize::from(correction.group - 1) * 5 + usize::from(correction.symbol - 1);
        assert_eq!(symbols[place], correction.found);
        symbols[place] = correction.suggestion;
    }
    symbols
}
