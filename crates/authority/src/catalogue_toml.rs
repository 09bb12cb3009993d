//! A catalogue as its publisher writes it: a TOML file with names instead of numbers and words instead of seconds.
//!
//! Every error names the line and the fix, and unknown keys are errors.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use keymuster_core::catalogue::{Catalogue, Edition, Family, Group, HostVersion, Interval, Policy, SetupKey};
use keymuster_core::document::Document;
use keymuster_core::duration::Duration;
use keymuster_core::id::{Label, NotAnId, Slug};
use keymuster_core::key::{KeyKind, ProductKey, publisher_mark};
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::Timestamp;
use keymuster_service::nearest::{nearest, unknown};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::tags::Tags;

/// The most bytes of a catalogue file: several times what the largest signed catalogue needs.
pub const SIZE_MAX: usize = 1024 * 1024;

/// What is wrong with a catalogue file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotACatalogue {
    /// The line, from 1; none where the file as a whole contradicts itself.
    pub line: Option<usize>,
    /// What is wrong, and how to mend it where that is known.
    pub why: String,
}

/// Where setup keys come from.
#[derive(Clone, Copy, Debug)]
pub enum SetupKeys<'a> {
    /// From the authority, which also checks those that the file gives.
    Of(&'a Tags),
    /// From nowhere: the file is checked in a place that has no authority, and the result is not for signing.
    Placeholders,
}

/// A catalogue file that was read; names in it are not looked up yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    publisher: Text<Slug>,
    name: Text<Label>,
    version: u32,
    #[serde(default = "first_host_version")]
    host_min: Text<HostMin>,
    help_url: Option<Text<Label>>,
    policy: PolicyTable,
    #[serde(default)]
    family: Vec<FamilyTable>,
    #[serde(default)]
    group: Vec<GroupTable>,
    #[serde(default)]
    edition: Vec<EditionTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyTable {
    grace: Text<Duration>,
    window: Text<Duration>,
    lease: Text<Duration>,
    renew: IntervalTable,
    retry: IntervalTable,
    skew: Text<Duration>,
    rearms: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntervalTable {
    default: Text<Duration>,
    min: Text<Duration>,
    max: Text<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FamilyTable {
    number: u16,
    id: Text<Slug>,
    name: Text<Label>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    number: u16,
    id: Text<Slug>,
    name: Text<Label>,
    family: Spanned<String>,
    rank: u8,
    generation: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EditionTable {
    number: Spanned<u16>,
    id: Text<Slug>,
    name: Text<Label>,
    group: Spanned<String>,
    kind: Option<KindWord>,
    threshold: Option<u32>,
    setup_key: Option<Spanned<String>>,
    features: Option<Vec<Text<Slug>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    Volume,
    Seat,
}

/// A string that has been read as something more.
#[derive(Debug)]
struct Text<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Text).map_err(|error: T::Err| serde::de::Error::custom(format!("{text:?}: {error}")))
    }
}

/// A version of the host program, as the catalogue carries it.
#[derive(Debug)]
struct HostMin(Slug);

impl FromStr for HostMin {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<HostMin, NotAnId> {
        // Hosts would take what is no version for one that is newer than they are.
        text.parse::<HostVersion>()?;
        text.parse().map(HostMin)
    }
}

fn first_host_version() -> Text<HostMin> {
    Text("0.1.0".parse().expect("it is a version"))
}

/// Reads a catalogue file; `issued` is the time that it is to be signed with.
pub fn read(text: &str, keys: SetupKeys<'_>, issued: Timestamp) -> Result<Catalogue, NotACatalogue> {
    let file: File = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    let reader = Reader { text, keys };
    let publisher = file.publisher.0;
    let families: Vec<Family> = file.family.into_iter().map(family).collect();
    let groups = file.group.into_iter().map(|table| reader.group(table, &families)).collect::<Result<Vec<_>, _>>()?;
    let editions = file.edition.into_iter().map(|table| reader.edition(table, &groups, &publisher));
    let editions = editions.collect::<Result<_, _>>()?;
    let catalogue = Catalogue {
        publisher,
        name: file.name.0,
        version: file.version,
        issued,
        host_min: file.host_min.0.0,
        help_url: file.help_url.map(|url| url.0),
        policy: policy(&file.policy),
        families,
        groups,
        editions,
        extensions: None,
    };
    catalogue.check().map_err(|why| NotACatalogue { line: None, why })?;
    Ok(catalogue)
}

fn policy(table: &PolicyTable) -> Policy {
    let secs = |text: &Text<Duration>| text.0.as_secs();
    let interval = |table: &IntervalTable| Interval {
        default_secs: secs(&table.default),
        min_secs: secs(&table.min),
        max_secs: secs(&table.max),
    };
    Policy {
        grace_secs: secs(&table.grace),
        window_secs: secs(&table.window),
        lease_secs: secs(&table.lease),
        renew: interval(&table.renew),
        retry: interval(&table.retry),
        skew_secs: secs(&table.skew),
        rearms_max: table.rearms,
    }
}

fn family(table: FamilyTable) -> Family {
    Family { number: table.number, id: table.id.0, name: table.name.0 }
}

/// Looks names up, and knows on which line they stand.
struct Reader<'a> {
    text: &'a str,
    keys: SetupKeys<'a>,
}

impl Reader<'_> {
    fn group(&self, table: GroupTable, families: &[Family]) -> Result<Group, NotACatalogue> {
        let wanted = table.family.get_ref();
        let family = families.iter().find(|family| family.id.as_str() == wanted).ok_or_else(|| {
            let known = families.iter().map(|family| family.id.as_str());
            self.error(table.family.span(), unknown("family", wanted, known))
        })?;
        let (number, rank, generation) = (table.number, table.rank, table.generation);
        Ok(Group { number, id: table.id.0, name: table.name.0, family: family.number, rank, generation })
    }

    fn edition(&self, table: EditionTable, groups: &[Group], publisher: &Slug) -> Result<Edition, NotACatalogue> {
        let wanted = table.group.get_ref();
        let group = groups.iter().find(|group| group.id.as_str() == wanted).ok_or_else(|| {
            let known = groups.iter().map(|group| group.id.as_str());
            self.error(table.group.span(), unknown("group", wanted, known))
        })?;
        let (kind, threshold) = match (table.kind.unwrap_or(KindWord::Volume), table.threshold) {
            (KindWord::Volume, Some(threshold)) => (LeaseKind::Volume, threshold),
            // A seat is granted by its pool alone, and one client is always there.
            (KindWord::Seat, threshold) => (LeaseKind::Seat, threshold.unwrap_or(1)),
            (KindWord::Volume, None) => {
                let why = format!("edition {} is licensed by volume and has no threshold", table.id.0);
                return Err(self.error(table.number.span(), why));
            }
        };
        let number = *table.number.get_ref();
        Ok(Edition {
            number,
            setup_key: self.setup_key(table.setup_key.as_ref(), publisher, number)?,
            id: table.id.0,
            name: table.name.0,
            group: group.number,
            threshold,
            kind,
            features: table.features.map(|features| features.into_iter().map(|feature| feature.0).collect()),
        })
    }

    /// The setup key of an edition: the one in the file, if the authority would have made it, or else its own.
    fn setup_key(
        &self,
        given: Option<&Spanned<String>>,
        publisher: &Slug,
        number: u16,
    ) -> Result<SetupKey, NotACatalogue> {
        let placeholder = Tags::new(zeroize::Zeroizing::new([0; 32]));
        let key = match (given, self.keys) {
            (Some(given), _) => self.given_key(given, publisher, number)?,
            (None, SetupKeys::Of(tags)) => tags.setup_key(publisher, number),
            (None, SetupKeys::Placeholders) => placeholder.setup_key(publisher, number),
        };
        Ok(SetupKey::new(key).expect("only setup keys come here"))
    }

    fn given_key(&self, given: &Spanned<String>, publisher: &Slug, number: u16) -> Result<ProductKey, NotACatalogue> {
        let error = |why: String| self.error(given.span(), format!("setup_key: {why}"));
        let key = ProductKey::parse(given.get_ref()).map_err(|why| error(why.to_string()))?;
        let fields = key.fields();
        if fields.kind != KeyKind::Setup {
            return Err(error(format!("this is a {}, which is a secret: never write it into a file", fields.kind)));
        }
        if fields.number != number {
            return Err(error(format!("this is the key of edition {}, not of edition {number}", fields.number)));
        }
        let is_foreign = match self.keys {
            SetupKeys::Of(tags) => !tags.made(&key),
            SetupKeys::Placeholders => false,
        };
        if is_foreign || fields.mark != publisher_mark(publisher) {
            return Err(error("this authority did not make it; leave setup_key out to get the right one".to_owned()));
        }
        Ok(key)
    }

    fn error(&self, span: Range<usize>, why: String) -> NotACatalogue {
        NotACatalogue { line: Some(line_at(self.text, span.start)), why }
    }
}

/// What the TOML reader found, with the known key that was probably meant instead of an unknown one.
fn syntax(text: &str, error: &toml::de::Error) -> NotACatalogue {
    let line = error.span().map(|span| line_at(text, span.start));
    let message = error.message().trim();
    let meant = meant_key(message).map(|key| format!("; did you mean `{key}`?")).unwrap_or_default();
    NotACatalogue { line, why: format!("{message}{meant}") }
}

/// The nearest of the keys that a message about an unknown one lists.
fn meant_key(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    nearest(quoted.next()?, quoted)
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const SMALL: &str = include_str!("../tests/authority/small.toml");

    fn tags() -> Tags {
        Tags::new(Zeroizing::new([7; 32]))
    }

    fn read_small(text: &str) -> Result<Catalogue, NotACatalogue> {
        read(text, SetupKeys::Of(&tags()), Timestamp::from_secs(1_800_000_000))
    }

    #[test]
    fn names_and_words_become_numbers() {
        let catalogue = read_small(SMALL).unwrap();
        assert_eq!((catalogue.publisher.as_str(), catalogue.version), ("aurora", 1));
        assert_eq!((catalogue.policy.grace_secs, catalogue.policy.renew.min_secs), (30 * 86_400, 900));
        assert_eq!(catalogue.policy.retry.default_secs, 7200);
        let server = catalogue.edition_named("server-2026").unwrap();
        assert_eq!(catalogue.group_of(server).unwrap().rank, 1);
        assert_eq!((server.kind, server.threshold), (LeaseKind::Volume, 5));
        let farm = catalogue.edition_named("render-farm").unwrap();
        assert_eq!((farm.kind, farm.threshold), (LeaseKind::Seat, 1));
        assert_eq!(farm.features.as_deref().map(<[Slug]>::len), Some(1));
        assert!(catalogue.editions.iter().all(|edition| tags().made(edition.setup_key.key())));
    }

    #[test]
    fn a_setup_key_that_is_given_is_the_one_that_would_be_made() {
        let publisher = "aurora".parse().unwrap();
        let given = |key: &str| SMALL.replace("threshold = 25\n", &format!("threshold = 25\nsetup_key = \"{key}\"\n"));
        let right = tags().setup_key(&publisher, 101).reveal();
        assert_eq!(read_small(&given(&right)), read_small(SMALL));
        let other = Tags::new(Zeroizing::new([8; 32]));
        let host_key = (0..).find_map(|serial| tags().key(&publisher, KeyKind::Host, 101, serial)).unwrap();
        for (key, why) in [
            (tags().setup_key(&publisher, 102).reveal(), "edition 102"),
            (other.setup_key(&publisher, 101).reveal(), "did not make it"),
            (tags().setup_key(&"borealis".parse().unwrap(), 101).reveal(), "did not make it"),
            (host_key.reveal(), "secret"),
            (right.replace('-', "-A"), "this text has 29"),
        ] {
            let error = read_small(&given(&key)).unwrap_err();
            assert!(error.why.contains(why) && error.line == Some(45), "{error:?}");
        }
        // Without an authority at hand the tag cannot be checked, everything else can.
        let read_anywhere = |text: &str| read(text, SetupKeys::Placeholders, Timestamp::from_secs(0));
        assert!(read_anywhere(SMALL).is_ok());
        assert!(read_anywhere(&given(&other.setup_key(&publisher, 101).reveal())).is_ok());
        assert!(read_anywhere(&given(&host_key.reveal())).is_err());
    }

    /// What is changed in the small catalogue, and where and how the error says so.
    #[test]
    fn errors_name_the_line_and_the_fix() {
        let table: [(&str, &str, Option<usize>, &str); 23] = [
            ("grace = ", "graze = ", Some(9), "did you mean `grace`?"),
            ("publisher = ", "publishes = ", Some(3), "did you mean `publisher`?"),
            ("rank = 0", "rnak = 0", Some(28), "did you mean `rank`?"),
            ("[policy]", "[polices]", Some(8), "did you mean `policy`?"),
            ("version = 1", "version = 1\ncolour = 2", Some(6), "unknown field `colour`"),
            ("\"aurora\"", "\"Aurora\"", Some(3), "\"Aurora\": expected 1 to 64 of a-z"),
            ("\"30 days\"\nwindow", "\"30\"\nwindow", Some(9), "\"30\": expected a whole number and a unit"),
            ("\"30 days\"\nwindow", "30\nwindow", Some(9), "expected a string"),
            ("version = 1", "version = -1", Some(5), "invalid value"),
            ("version = 1\n", "", Some(1), "missing field `version`"),
            ("version = 1\n", "version = 1\nhost_min = \"1.x\"\n", Some(6), "\"1.x\": expected a version"),
            ("family = \"os\"", "family = \"so\"", Some(27), "there is no family \"so\""),
            ("group = \"client-2026\"", "group = \"cleint-2026\"", Some(43), "did you mean \"client-2026\"?"),
            ("threshold = 25\n", "", Some(40), "has no threshold"),
            ("threshold = 25", "threshold = 0", None, "threshold of edition desk-2026 is 0"),
            ("kind = \"seat\"", "kind = \"seats\"", Some(60), "unknown variant `seats`"),
            ("number = 102", "number = 101", None, "edition number 101 is used twice"),
            (
                "id = \"server-2026\"\nname = \"Server 2026 edition\"",
                "id = \"desk-2026\"\nname = \"x\"",
                None,
                "used twice",
            ),
            (
                "min = \"15 minutes\", max = \"30 days\" }\nskew",
                "min = \"3 hours\", max = \"30 days\" }\nskew",
                None,
                "retry",
            ),
            ("lease = \"180 days\"", "lease = \"0 days\"", Some(11), "expected a whole number"),
            ("https://aurora.example", "ftp://aurora.example", None, "help_url"),
            ("rearms = 5", "rearms = 500", Some(15), "invalid value"),
            ("[[family]]\nnumber", "[[family]\nnumber", Some(17), "]"),
        ];
        for (from, to, line, why) in table {
            assert!(SMALL.contains(from), "{from}");
            let error = read_small(&SMALL.replacen(from, to, 1)).unwrap_err();
            assert!(error.line == line && error.why.contains(why), "{from} to {to}: {error:?}");
        }
    }
}
