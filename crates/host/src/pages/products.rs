//! Whose products this host knows, what covers what, and the public setup key of each edition.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::markup::Markup;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::{Keys, Look};
use keymuster_service::console::tree::{Badge, Node, tree};

use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::standing::{EditionStanding, Need, Word};
use crate::views::products::{self, EditionOf, Family, GroupOf, Kind, Products};

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage {
    frame: Frame,
    publishers: Vec<Products>,
    may: bool,
}

impl ProductsPage {
    fn badge(&self, edition: &EditionOf) -> (&'static str, &'static str) {
        match edition.standing.standing {
            Word::Covered => ("good", "Covered"),
            Word::Waiting => ("busy", "Waits"),
            Word::NeedsKey => ("warn", "Needs a key"),
        }
    }

    /// Why it stands so.
    fn reason(&self, edition: &EditionOf) -> String {
        let standing = &edition.standing;
        let key = standing.key.as_deref().unwrap_or_default();
        match standing.standing {
            Word::Covered => format!("by the key that ends in {key}"),
            Word::Waiting => format!("until the key that ends in {key} is activated"),
            Word::NeedsKey => {
                let group = standing.needs_key_of.as_deref().unwrap_or_default();
                let seats = if standing.needs_seats { ", with seats" } else { "" };
                format!("of {group} or above{seats}")
            }
        }
    }

    /// From how many clients on it is activated.
    fn rule(&self, edition: &EditionOf) -> String {
        match (edition.kind, edition.threshold) {
            (Kind::Seat, _) => "a floating seat each, for hours".to_owned(),
            (Kind::Volume, 0 | 1) => "from the first client on".to_owned(),
            (Kind::Volume, clients) => format!("from {clients} clients on"),
        }
    }

    /// What covers what, drawn: the key of a group covers what hangs on it.
    fn tree(&self, family: &Family) -> Markup {
        let roots = family.groups.iter().filter(|group| parent(group, family).is_none());
        let roots: Vec<Node> = roots.map(|group| self.node(group, family)).collect();
        tree(&format!("What covers what in {}", family.name), &roots)
    }

    fn node(&self, group: &GroupOf, family: &Family) -> Node {
        let edition = |edition: &EditionOf| {
            let (kind, word) = self.badge(edition);
            let badge = Some(Badge { kind, text: word.to_owned() });
            Node { label: edition.standing.name.clone(), badge, note: self.reason(edition), ..Node::default() }
        };
        let below =
            family.groups.iter().filter(|other| parent(other, family).is_some_and(|above| above.id == group.id));
        let mut children: Vec<Node> = group.editions.iter().map(edition).collect();
        children.extend(below.map(|group| self.node(group, family)));
        Node { label: group.name.clone(), note: "group".to_owned(), children, ..Node::default() }
    }
}

/// The lowest group whose key covers this one beside its own. Groups that cover each other stand side by side.
fn parent<'a>(group: &GroupOf, family: &'a Family) -> Option<&'a GroupOf> {
    let covers = |above: &&GroupOf| above.covers.len() > group.covers.len() && above.covers.contains(&group.name);
    family.groups.iter().filter(covers).min_by_key(|above| above.covers.len())
}

/// `GET /products`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let now: Timestamp = page.at();
    let publishers = app.console.pool().read(move |tx| products::load(tx, now)).await?;
    html(&ProductsPage { frame: page.frame(), publishers, may: page.account().may::<Keys>() })
}

fn sample_edition(name: &str, group: &str, standing: Word) -> EditionOf {
    let needs = standing == Word::NeedsKey;
    EditionOf {
        standing: EditionStanding {
            id: name.to_lowercase().replace(' ', "-"),
            name: name.to_owned(),
            group: group.to_owned(),
            standing,
            key: (!needs).then(|| "7M4QX".to_owned()),
            needs_key_of: needs.then(|| group.to_owned()),
            needs_seats: needs && name.contains("Studio"),
        },
        kind: if name.contains("Studio") { Kind::Seat } else { Kind::Volume },
        threshold: if name.contains("Server") { 5 } else { 25 },
        setup_key: "BCDFG-HJKMP-QRTVW-XY234-6789B".to_owned(),
        features: Vec::new(),
    }
}

fn sample_group(name: &str, rank: u8, covers: &[&str], editions: Vec<EditionOf>) -> GroupOf {
    GroupOf {
        id: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        rank,
        generation: 2026,
        covers: covers.iter().map(|name| (*name).to_owned()).collect(),
        editions,
    }
}

fn sample_products(publisher: &str, name: &str, top: Word) -> Products {
    let server = |edition: &str, standing| sample_edition(&format!("Server {edition} 2026"), "Server A 2026", standing);
    let studio = sample_edition("Studio 2026", "Studio 2026", Word::NeedsKey);
    let groups = vec![
        sample_group(
            "Server B 2026",
            1,
            &["Server B 2026", "Server A 2026"],
            vec![server("Datacenter", top), server("Enterprise", top)],
        ),
        sample_group("Server A 2026", 0, &["Server A 2026"], vec![server("Standard", Word::Covered)]),
    ];
    let family = |id: &str, name: &str, groups| Family { id: id.to_owned(), name: name.to_owned(), groups };
    Products {
        pack: super::packs::sample(publisher, name),
        families: vec![
            family("server", "Servers", groups),
            family("studio", "Studio", vec![sample_group("Studio 2026", 0, &["Studio 2026"], vec![studio])]),
        ],
        needs: vec![Need {
            groups: vec!["Studio 2026".to_owned()],
            editions: vec!["Studio 2026".to_owned()],
            lowest: Some("Studio 2026".to_owned()),
            seats: true,
        }],
        has_keys: true,
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |publishers| ProductsPage { frame: Frame::sample(&PRODUCT, "/products"), publishers, may: true };
    let many = (0..6).map(|n| sample_products(&format!("publisher-{n}"), &format!("Publisher {n}"), Word::NeedsKey));
    Ok(vec![
        ("products-empty", page(Vec::new()).render()?),
        ("products-typical", page(vec![sample_products("aurora", "Aurora Systems", Word::Waiting)]).render()?),
        ("products-full", page(many.collect()).render()?),
    ])
}
