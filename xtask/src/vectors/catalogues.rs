//! Vectors of catalogues (`docs/spec/documents.md`, 6.2): what makes one consistent, and what breaks it.

use keymuster_core::catalogue::{Catalogue, Edition, Family, Group, Interval, Policy};
use keymuster_core::id::Slug;
use keymuster_core::key::{KeyKind, publisher_mark};
use serde_json::json;

use super::forge::{Fields, array, text};
use super::world::{ISSUER, catalogue, forced, named, policy, product_key, public, setup_key, signed};
use super::{Vector, document};

pub fn vectors() -> Vec<Vector> {
    let mut vectors = accepted();
    let broken = policies().into_iter().chain(structures()).chain(editions());
    vectors.extend(broken.map(|(name, about, body)| refused(name, about, &Fields::of(body))));
    vectors.extend(setup_keys());
    vectors
}

type Case = (&'static str, &'static str, Catalogue);

fn refused(name: &str, about: &'static str, fields: &Fields) -> Vector {
    let content = forced::<Catalogue>(fields, ISSUER);
    document(&format!("catalogue/{name}"), about, &content, &public(ISSUER)).gives("document-malformed")
}

fn accepted() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: Catalogue| {
        document(&format!("catalogue/{name}"), about, &signed(body, ISSUER), &public(ISSUER))
    };
    let mut full = catalogue();
    full.help_url = Some(named("https://help.aurora.example/activation?lang=en"));
    full.editions[0].features = Some(vec![named("print")]);
    let bare = Catalogue { families: vec![], groups: vec![], editions: vec![], ..catalogue() };
    vec![
        of("plain", "three editions in two families", catalogue()).says(json!({
            "publisher": "aurora", "name": "Aurora Software", "version": 3, "issued": 1_799_136_000, "host_min": "1.0",
            "policy": {
                "grace_secs": 2_592_000, "window_secs": 2_592_000, "lease_secs": 15_552_000,
                "renew": { "default_secs": 604_800, "min_secs": 86_400, "max_secs": 2_592_000 },
                "retry": { "default_secs": 7200, "min_secs": 3600, "max_secs": 86_400 },
                "skew_secs": 14_400, "rearms_max": 5,
            },
            "families": [
                { "number": 1, "id": "desk", "name": "Aurora Desk" }, { "number": 2, "id": "cad", "name": "Aurora CAD" },
            ],
        })),
        of("full", "with an address for help and features", full)
            .says(json!({ "help_url": "https://help.aurora.example/activation?lang=en" })),
        of("bare", "no editions at all", bare).says(json!({ "families": [], "groups": [], "editions": [] })),
    ]
}

fn policies() -> Vec<Case> {
    let with = |policy: Policy| Catalogue { policy, ..catalogue() };
    let renew = |default_secs: u64, min_secs: u64, max_secs: u64| {
        with(Policy { renew: Interval { default_secs, min_secs, max_secs }, ..policy() })
    };
    vec![
        (
            "help-scheme",
            "an address for help that is none",
            Catalogue { help_url: Some(named("ftp://aurora.example")), ..catalogue() },
        ),
        ("renew-0", "an interval that may be 0", renew(5, 0, 9)),
        ("renew-low", "a value below its range", renew(4, 5, 9)),
        ("renew-high", "a value above its range", renew(10, 5, 9)),
        ("retry-low", "the same for the other interval", {
            with(Policy { retry: Interval { default_secs: 1, min_secs: 2, max_secs: 3 }, ..policy() })
        }),
        ("lease-0", "leases of no time", with(Policy { lease_secs: 0, ..policy() })),
        ("window-0", "a window of no time", with(Policy { window_secs: 0, ..policy() })),
    ]
}

fn structures() -> Vec<Case> {
    let with_family = |family: Family| {
        let mut catalogue = catalogue();
        catalogue.families.push(family);
        catalogue
    };
    let with_group = |change: &dyn Fn(&mut Group)| {
        let mut catalogue = catalogue();
        change(&mut catalogue.groups[1]);
        catalogue
    };
    vec![
        ("family-number", "two families of one number", {
            with_family(Family { number: 1, id: named("other"), name: named("Other") })
        }),
        ("family-name", "two families of one name", {
            with_family(Family { number: 3, id: named("desk"), name: named("Other") })
        }),
        ("group-number", "two groups of one number", with_group(&|group| group.number = 10)),
        ("group-name", "two groups of one name", with_group(&|group| group.id = named("desk"))),
        ("group-family", "a group of a family that does not exist", with_group(&|group| group.family = 3)),
    ]
}

fn editions() -> Vec<Case> {
    let with_edition = |change: &dyn Fn(&mut Edition)| {
        let mut catalogue = catalogue();
        change(&mut catalogue.editions[1]);
        catalogue
    };
    vec![
        ("edition-number", "two editions of one number", {
            with_edition(&|edition| (edition.number, edition.setup_key) = (1, setup_key(1)))
        }),
        ("edition-name", "two editions of one name", with_edition(&|edition| edition.id = named("desk-pro"))),
        ("edition-group", "an edition of a group that does not exist", with_edition(&|edition| edition.group = 12)),
        ("threshold-0", "a threshold of 0", with_edition(&|edition| edition.threshold = 0)),
        ("setup-key-number", "the setup key of another edition", {
            with_edition(&|edition| edition.setup_key = setup_key(1))
        }),
        ("publisher", "setup keys of another publisher", {
            Catalogue { publisher: named::<Slug>("borealis"), ..catalogue() }
        }),
    ]
}

/// Setup keys that no value of the type can hold.
fn setup_keys() -> Vec<Vector> {
    let mark = publisher_mark(&catalogue().publisher);
    let good = product_key(KeyKind::Setup, 1, mark).reveal();
    [
        ("setup-key-case", "a setup key in lower case", good.to_lowercase()),
        ("setup-key-dashes", "a setup key without dashes", good.replace('-', "")),
        ("setup-key-typo", "a setup key with a wrong symbol", good.replacen('B', "C", 1)),
        ("setup-key-kind", "a MAK for a setup key", product_key(KeyKind::Mak, 1, mark).reveal()),
    ]
    .into_iter()
    .map(|(name, about, key)| {
        let edition = Fields::of(&catalogue().editions[0]).with(7, text(&key)).payload();
        refused(name, about, &Fields::of(catalogue()).with(10, array(&[edition])))
    })
    .collect()
}
