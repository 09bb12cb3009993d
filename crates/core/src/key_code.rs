//! The field GF(25) and the extended Reed-Solomon code [25, 22, 4] over it, which finds typing errors in product keys.
//!
//! The element with number i is also the locator of position i, so one type serves as symbol and as place.
//! Specified in `docs/spec/product-keys.md`, sections 3 and 6.

use std::iter::zip;
use std::ops::{Add, Mul, Sub};

/// Symbols of a word.
pub(crate) const LENGTH: usize = 25;
/// Symbols of a word that carry data; they come first, the check symbols follow.
pub(crate) const DATA_LENGTH: usize = 22;

/// An element of GF(5)[x]/(x² + 4x + 2): number a + 5b stands for a + b·x.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Element(u8);

impl Element {
    pub(crate) const ZERO: Element = Element(0);

    /// The element with this number, which is below 25.
    pub(crate) const fn new(number: u8) -> Option<Element> {
        if number < 25 { Some(Element(number)) } else { None }
    }

    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    /// All elements, or all places of a word, by number.
    pub(crate) fn all() -> impl Iterator<Item = Element> {
        (0..25).map(Element)
    }

    /// Takes coefficients of any size modulo 5.
    const fn from_coefficients(a: u8, b: u8) -> Element {
        Element(a % 5 + 5 * (b % 5))
    }

    const fn coefficients(self) -> (u8, u8) {
        (self.0 % 5, self.0 / 5)
    }

    /// The 23rd power, as the 24th of every element but zero is one; zero stays zero.
    fn inverse(self) -> Element {
        (1..23).fold(self, |power, _| power * self)
    }
}

impl Add for Element {
    type Output = Element;

    fn add(self, other: Element) -> Element {
        let ((a, b), (c, d)) = (self.coefficients(), other.coefficients());
        Element::from_coefficients(a + c, b + d)
    }
}

impl Sub for Element {
    type Output = Element;

    fn sub(self, other: Element) -> Element {
        let ((a, b), (c, d)) = (self.coefficients(), other.coefficients());
        Element::from_coefficients(5 + a - c, 5 + b - d)
    }
}

impl Mul for Element {
    type Output = Element;

    /// (a + b·x)(c + d·x) with x² = x + 3.
    fn mul(self, other: Element) -> Element {
        let ((a, b), (c, d)) = (self.coefficients(), other.coefficients());
        Element::from_coefficients(a * c + 3 * b * d, a * d + b * c + b * d)
    }
}

/// Twenty-five elements, which may or may not be a codeword.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word(pub(crate) [Element; LENGTH]);

impl Word {
    /// The only codeword that begins with `data`.
    pub(crate) fn encode(data: [Element; DATA_LENGTH]) -> Word {
        let mut word = Word([Element::ZERO; LENGTH]);
        for (symbol, element) in zip(&mut word.0, data) {
            *symbol = element;
        }
        let checks = [Element(22), Element(23), Element(24)];
        zip(checks, word.completion(checks)).fold(word, Word::plus)
    }

    pub(crate) fn is_codeword(&self) -> bool {
        self.syndromes() == [Element::ZERO; 3]
    }

    /// The codeword that differs from this word at the `erased` places only, which are distinct.
    ///
    /// None if there is no such codeword, or if more than three places are erased and there are many.
    pub(crate) fn filled(&self, erased: &[Element]) -> Option<Word> {
        if erased.len() > 3 {
            return None;
        }
        // Three places always have a solution. Places added to make three must come out unchanged.
        let spare = Element::all().filter(|place| !erased.contains(place));
        let places: Vec<Element> = erased.iter().copied().chain(spare).take(3).collect();
        let values = self.completion(places.as_slice().try_into().ok()?);
        let spare_unchanged = values.iter().skip(erased.len()).all(|value| *value == Element::ZERO);
        spare_unchanged.then(|| zip(places, values).fold(*self, Word::plus))
    }

    /// The 24 words that result from swapping two neighbours, by the first place of the two.
    ///
    /// If this word is none, at most one of them is a codeword.
    pub(crate) fn neighbour_swaps(&self) -> impl Iterator<Item = Word> {
        (1..LENGTH).map(|second| {
            let mut word = *self;
            word.0.swap(second - 1, second);
            word
        })
    }

    /// The sums of the symbols times the zeroth, first and second power of their locators; all zero for a codeword.
    fn syndromes(&self) -> [Element; 3] {
        zip(Element::all(), self.0).fold([Element::ZERO; 3], |[s0, s1, s2], (locator, symbol)| {
            [s0 + symbol, s1 + symbol * locator, s2 + symbol * locator * locator]
        })
    }

    /// What to add at three distinct places to make a codeword; there is exactly one solution.
    fn completion(&self, [a, b, c]: [Element; 3]) -> [Element; 3] {
        let [s0, s1, s2] = self.syndromes();
        // (X - b)(X - c) vanishes at the two other places, and so leaves one unknown.
        let value =
            |a: Element, b: Element, c: Element| ((b + c) * s1 - s2 - b * c * s0) * ((a - b) * (a - c)).inverse();
        [value(a, b, c), value(b, c, a), value(c, a, b)]
    }

    fn plus(mut self, (place, value): (Element, Element)) -> Word {
        if let Some(symbol) = self.0.get_mut(usize::from(place.number())) {
            *symbol = *symbol + value;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_a_field_and_x_generates_it() {
        let one = Element(1);
        for a in Element::all() {
            assert_eq!(a - a, Element::ZERO);
            assert_eq!(a * one, a);
            assert_eq!(a * a.inverse(), if a == Element::ZERO { a } else { one });
            for b in Element::all() {
                assert_eq!(a + b, b + a);
                assert_eq!(a * b, b * a);
                assert_eq!(a - b + b, a);
                for c in Element::all() {
                    assert_eq!((a * b) * c, a * (b * c));
                    assert_eq!(a * (b + c), a * b + a * c);
                }
            }
        }
        let x = Element(5);
        let powers: Vec<Element> = std::iter::successors(Some(x), |power| Some(*power * x)).take(24).collect();
        assert_eq!(powers.iter().position(|power| *power == one), Some(23));
        assert_eq!(x * x, Element(8), "x² = x + 3");
    }

    #[test]
    fn encoding_is_systematic_and_linear_with_weight_of_at_least_four() {
        // Sums and multiples of the rows of the generator matrix are all codewords; rows with data of weight 1 must
        // have three check symbols, rows of weight 2 at least two.
        let unit = |place: usize, value: Element| {
            let mut data = [Element::ZERO; DATA_LENGTH];
            data[place] = value;
            data
        };
        let weight = |word: &Word| word.0.iter().filter(|symbol| **symbol != Element::ZERO).count();
        for i in 0..DATA_LENGTH {
            for value in Element::all().skip(1) {
                let word = Word::encode(unit(i, value));
                assert!(word.is_codeword());
                assert_eq!(weight(&word), 4);
                for j in 0..i {
                    let mut data = unit(i, value);
                    data[j] = Element(1);
                    let word = Word::encode(data);
                    assert!(word.is_codeword() && weight(&word) >= 4);
                    assert_eq!(&word.0[..DATA_LENGTH], &data);
                }
            }
        }
    }

    /// The ratio of the second syndrome to the first is this sum after a swap, so it names the pair.
    #[test]
    fn no_two_pairs_of_neighbours_have_the_same_sum_of_locators() {
        let sums: Vec<Element> = zip(Element::all(), Element::all().skip(1)).map(|(a, b)| a + b).collect();
        assert_eq!(sums.len(), 24);
        for (i, sum) in sums.iter().enumerate() {
            assert!(!sums[..i].contains(sum), "pair {i}");
        }
    }

    #[test]
    fn more_than_three_erasures_are_not_guessed() {
        let word = Word::encode([Element(7); DATA_LENGTH]);
        let places: Vec<Element> = Element::all().collect();
        assert_eq!(word.filled(&places[..4]), None);
        assert_eq!(word.filled(&places[..3]), Some(word));
        assert_eq!(word.filled(&[]), Some(word));
    }
}
