//! The public setup keys of Windows and Office, and what kind of key a text is.
//!
//! Only setup keys are known here. Any other key is a secret of its owner, so none is ever shown whole.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::notebook;
use crate::table;

/// The symbols of a product key. `N` is one more, which stands once at most in a key of Windows 8 or newer.
pub const ALPHABET: &str = "BCDFGHJKMPQRTVWXY2346789";

/// A product key has five groups of five symbols.
const SYMBOLS: usize = 25;

/// A public setup key (GVLK): it makes a machine a client of a KMS host, and licenses nothing by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct SetupKey {
    /// The product, such as `Windows Server 2022`.
    pub family: &'static str,
    /// The edition, such as `Datacenter`.
    pub edition: &'static str,
    /// The key, as five groups.
    pub key: &'static str,
    /// Where it is published.
    pub source: &'static str,
    /// The date of that page.
    pub date: &'static str,
}

impl SetupKey {
    /// Product and edition, without saying anything twice.
    pub fn name(&self) -> String {
        let product = self.family.split([' ', ',']).next().unwrap_or_default();
        let repeats = ["Office", "Project", "Visio"].contains(&product) || self.edition.starts_with(self.family);
        if repeats { self.edition.to_owned() } else { format!("{} {}", self.family, self.edition) }
    }

    /// The last group, which Windows and Office show of an installed key.
    pub fn last_five(&self) -> &'static str {
        last_five(self.key)
    }

    /// Whether it belongs to Office, Project or Visio, whose commands are others.
    pub fn is_office(&self) -> bool {
        self.family.starts_with("Office")
    }
}

/// Every public setup key, in the order of Microsoft's lists.
pub fn all() -> &'static [SetupKey] {
    static ALL: LazyLock<Vec<SetupKey>> = LazyLock::new(|| {
        let rows = table::rows(include_str!("../data/setup_keys.csv"));
        rows.into_iter()
            .map(|[family, edition, key, source, date]| SetupKey { family, edition, key, source, date })
            .collect()
    });
    &ALL
}

/// The kinds of product key, which look the same and belong to different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A public setup key.
    Setup,
    /// A KMS host key (CSVLK).
    Host,
    /// A multiple activation key.
    Mak,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Setup, Kind::Host, Kind::Mak];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Setup => "setup key (GVLK)",
            Kind::Host => "host key (CSVLK)",
            Kind::Mak => "MAK",
        }
    }

    /// What it does, and where it belongs.
    pub fn belongs(self) -> &'static str {
        match self {
            Kind::Setup => {
                "public; makes a machine ask a KMS host; belongs on clients and servers that a host activates"
            }
            Kind::Host => {
                "secret; makes a machine a KMS host; belongs on your KMS host and nowhere else: 6 hosts, 10 \
                    activations each"
            }
            Kind::Mak => {
                "secret; activates one machine with Microsoft, for good; belongs on machines that no host activates"
            }
        }
    }

    /// Where it must never be typed.
    pub fn never(self) -> &'static str {
        match self {
            Kind::Setup => {
                "never on the KMS host itself: it would stop to be one; never where there is neither host nor \
                    Active Directory activation"
            }
            Kind::Host => {
                "never on an ordinary client and never into an image: each such machine becomes a host and uses up \
                    an activation (0xC004C008)"
            }
            Kind::Mak => {
                "never on a KMS host in place of its host key, and never into an image: each copy uses up an activation"
            }
        }
    }
}

/// What a text is that may be a product key.
#[derive(Debug, PartialEq, Eq)]
pub enum Looked {
    /// A public setup key.
    Setup(&'static SetupKey),
    /// A key of the notebook that no list of Microsoft's has.
    Notebook(&'static notebook::Entry),
    /// Nearly a public setup key: mistyped.
    Mistyped {
        /// What was meant.
        meant: &'static SetupKey,
        /// The places, from 1, at which the symbols differ.
        places: Vec<usize>,
    },
    /// A key that is not public: a host key, a MAK or a retail key. Its last five symbols.
    Secret(String),
    /// It has the length of a key, but symbols that no key has.
    Forbidden(Vec<char>),
}

/// How many symbols may differ from a setup key for it to be the one that was meant.
const MISTYPED_MAX: usize = 3;

/// What kind of key a text is; `None` if it is no key at all.
pub fn look(text: &str) -> Option<Looked> {
    let symbols: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect();
    let has_words = text.split(|c: char| !c.is_alphanumeric()).any(|part| !matches!(part.len(), 0 | 5 | 25));
    if symbols.len() != SYMBOLS || has_words {
        return None;
    }
    let key = grouped(&symbols);
    if let Some(known) = all().iter().find(|known| known.key == key) {
        return Some(Looked::Setup(known));
    }
    if let Some(entry) = notebook::all().iter().find(|entry| entry.key == key) {
        return Some(Looked::Notebook(entry));
    }
    if let Some((meant, places)) = nearest(&key) {
        return Some(Looked::Mistyped { meant, places });
    }
    let forbidden: BTreeSet<char> = symbols.iter().copied().filter(|c| *c != 'N' && !ALPHABET.contains(*c)).collect();
    match forbidden.is_empty() {
        true => Some(Looked::Secret(last_five(&key).to_owned())),
        false => Some(Looked::Forbidden(forbidden.into_iter().collect())),
    }
}

/// The setup key of which Windows or Office shows these last five symbols.
pub fn by_last_five(text: &str) -> Option<&'static SetupKey> {
    all().iter().find(|key| key.last_five().eq_ignore_ascii_case(text))
}

fn grouped(symbols: &[char]) -> String {
    symbols.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

fn last_five(key: &str) -> &str {
    key.rsplit('-').next().unwrap_or_default()
}

fn nearest(key: &str) -> Option<(&'static SetupKey, Vec<usize>)> {
    let differing = |known: &SetupKey| -> Vec<usize> {
        let symbols = |text: &str| text.chars().filter(|c| *c != '-').collect::<Vec<_>>();
        let pairs = (1..).zip(symbols(known.key).into_iter().zip(symbols(key)));
        pairs.filter(|(_, (a, b))| a != b).map(|(place, _)| place).collect()
    };
    let found = all().iter().map(|known| (known, differing(known))).min_by_key(|(_, places)| places.len())?;
    (found.1.len() <= MISTYPED_MAX).then_some(found)
}

/// The setup keys whose product and edition have all these words, the closest first.
///
/// A word may be shortened (`win`, `ent`, `pro`); numbers may not.
pub fn search(words: &str) -> Vec<&'static SetupKey> {
    ranked(words).into_iter().map(|(_, key)| key).collect()
}

/// The one setup key that these words mean; otherwise those between which they do not decide.
pub fn pick(words: &str) -> Result<&'static SetupKey, Vec<&'static SetupKey>> {
    let ranked = ranked(words);
    let best = ranked.first().map(|(rank, _)| *rank);
    let equal: Vec<&SetupKey> =
        ranked.into_iter().take_while(|(rank, _)| Some(*rank) == best).map(|(_, key)| key).collect();
    match equal.as_slice() {
        [one] => Ok(one),
        _ => Err(equal),
    }
}

/// The names of products and editions that resemble these words most.
pub fn suggestions(words: &str) -> Vec<String> {
    let mut names: Vec<String> = all().iter().map(SetupKey::name).collect();
    let words: String = words.to_ascii_lowercase().chars().take(80).collect();
    // Whoever types the beginning of a name means all that begin so.
    names.sort_by_cached_key(|name| {
        let name = name.to_ascii_lowercase();
        let beginning: String = name.chars().take(words.chars().count()).collect();
        let distance = |name: &str| strsim::damerau_levenshtein(&words, name);
        (distance(&beginning).min(distance(&name)), distance(&name))
    });
    names.truncate(3);
    names
}

/// How much of a name the words leave unsaid, then how many of them are shortened.
type Rank = (usize, usize);

fn ranked(words: &str) -> Vec<(Rank, &'static SetupKey)> {
    static TOKENS: LazyLock<Vec<BTreeSet<String>>> =
        LazyLock::new(|| all().iter().map(|key| tokens(&format!("{} {}", key.family, key.edition))).collect());
    let wanted = tokens(words);
    let keys = TOKENS.iter().zip(all());
    let mut found: Vec<(Rank, &SetupKey)> = keys.filter_map(|(all, key)| Some((rank(&wanted, all)?, key))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found
}

fn rank(wanted: &BTreeSet<String>, all: &BTreeSet<String>) -> Option<Rank> {
    let is_short = |word: &str| !all.contains(word);
    let fits = |word: &&String| {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        all.contains(*word)
            || (!is_number && word.len() > 1 && all.iter().any(|token| token.starts_with(word.as_str())))
    };
    let fit = wanted.iter().filter(fits).count();
    let short = wanted.iter().filter(|word| is_short(word)).count();
    (fit == wanted.len() && fit > 0).then(|| (all.len().saturating_sub(fit), short))
}

/// No name of a product is longer; what follows is not looked at.
const WORDS_MAX: usize = 1000;

/// Words in lower case, and numbers apart from letters: `2008R2` is `2008`, `r`, `2`.
pub(crate) fn tokens(text: &str) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    let mut token = String::new();
    for c in text.chars().take(WORDS_MAX).flat_map(char::to_lowercase).chain([' ']) {
        let goes_on =
            c.is_alphanumeric() && token.chars().next_back().is_none_or(|last| last.is_numeric() == c.is_numeric());
        if !goes_on && !token.is_empty() {
            tokens.insert(std::mem::take(&mut token));
        }
        if c.is_alphanumeric() {
            token.push(c);
        }
    }
    // What names and output add without meaning anything.
    for word in ["edition", "for", "systems", "based", "microsoft"] {
        tokens.remove(word);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_written_in_their_alphabet_and_are_unique() {
        let mut seen = BTreeSet::new();
        for key in all() {
            let groups: Vec<&str> = key.key.split('-').collect();
            assert!(groups.len() == 5 && groups.iter().all(|group| group.len() == 5), "{key:?}");
            assert!(key.key.chars().all(|c| c == '-' || c == 'N' || ALPHABET.contains(c)), "{key:?}");
            // The newer form marks itself with one N; the older has none.
            assert!(key.key.matches('N').count() <= 1, "{key:?}");
            assert!(seen.insert(key.key), "twice: {key:?}");
            assert!(seen.insert(key.last_five()), "last five twice: {key:?}");
            assert!(key.source.starts_with("https://learn.microsoft.com/"), "{key:?}");
        }
    }

    #[test]
    fn words_find_editions() {
        let table = [
            ("windows 10 pro", "W269N"),
            ("win 11 ent", "NPPR9"),
            ("Windows Server 2008 R2 Datacenter", "74YFP"),
            ("server 2008 datacenter", "7M67G"),
            ("2008r2 std", "YC6KT"),
            ("Windows 7 Professional", "FJ82H"),
            ("office professional plus 2019", "NMMKJ"),
            ("windows 8.1 pro n", "HMCNV"),
            ("server 2022 datacenter azure", "NTBV8"),
        ];
        for (words, begin) in table {
            let words = words.replace(" std", " standard");
            let key = pick(&words).unwrap_or_else(|equal| panic!("{words}: {equal:?}"));
            assert!(key.key.starts_with(begin), "{words}: {key:?}");
        }
        assert!(search("windows 9 pro").is_empty());
        assert!(pick("windows 7").is_err_and(|equal| equal.len() > 1));
        assert!(suggestions("wndows vista").iter().all(|name| name.starts_with("Windows Vista")));
        assert!(suggestions("Windwos Vista Busines").contains(&"Windows Vista Business".to_owned()));
    }

    #[test]
    fn a_key_is_known_mistyped_secret_or_none() {
        assert!(matches!(look("w269nwfgwxyvc9b4j6c9t83gx"), Some(Looked::Setup(key)) if key.edition == "Pro"));
        assert!(matches!(look("W269N–WFGWX–YVC9B–4J6C9–T83GX"), Some(Looked::Setup(_))));
        let Some(Looked::Mistyped { meant, places }) = look("W269N-WFGWX-YVC9B-4J6C9-T83GY") else { panic!() };
        assert_eq!((meant.edition, places), ("Pro", vec![25]));
        assert!(matches!(look("FKJQ8-TMCVP-FRMR7-4WR42-3JCD7"), Some(Looked::Notebook(_))));
        assert_eq!(look("BBBBB-CCCCC-DDDDD-FFFFF-GGGGG"), Some(Looked::Secret("GGGGG".to_owned())));
        assert_eq!(look("BBBBB-CCCCC-DDDDD-FFFFF-GGG0A"), Some(Looked::Forbidden(vec!['0', 'A'])));
        assert_eq!(look("windows 10 pro"), None);
    }

    #[test]
    fn long_text_takes_no_time() {
        for c in ['x', '1', '-', 'é'] {
            let text: String = std::iter::repeat_n(c, 1 << 20).collect();
            assert!(pick(&text).is_err() && look(&text).is_none());
            assert_eq!(suggestions(&text).len(), 3);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}") {
            let _ = (look(&text), search(&text), pick(&text), suggestions(&text));
        }

        #[test]
        fn one_wrong_symbol_is_found(place in 0_usize..25, key in 0_usize..138) {
            let known = &all()[key];
            let mut symbols: Vec<char> = known.key.chars().filter(|c| *c != '-').collect();
            symbols[place] = if symbols[place] == 'B' { 'C' } else { 'B' };
            let text: String = symbols.into_iter().collect();
            prop_assert_eq!(look(&text), Some(Looked::Mistyped { meant: known, places: vec![place + 1] }));
        }
    }
}
