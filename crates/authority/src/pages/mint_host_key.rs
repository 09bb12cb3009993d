//! A form for a new host key, which is then shown once.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::duration::Duration;
use keymuster_core::id::to_hex;
use keymuster_service::console::Page;
use keymuster_service::console::api::Query;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Keys;
use serde::Deserialize;

use super::minted::Minted;
use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts::key_mint::{HostOrder, PoolOrder, mint_host_key};
use crate::administration::Administration;
use crate::store::product_key::HostWorth;
use crate::views::pack::{self, GroupRow};

/// What is entered.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Entered {
    /// Drawn with the form, so that sending it twice mints one key.
    form: String,
    customer: String,
    group: String,
    hosts: String,
    activations: String,
    term: String,
    clients_max: String,
    threshold: String,
    pools: String,
}

/// For whom a key is to be minted.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct For {
    /// The customer.
    pub customer: String,
}

#[derive(Template)]
#[template(path = "mint_host_key.html")]
struct MintPage {
    frame: Frame,
    form: Entered,
    groups: Vec<GroupRow>,
    failed: Option<Failed>,
}

/// `GET /mint-host-key`.
pub async fn show(
    page: Page<Keys>,
    State(app): State<Administration>,
    Query(asked): Query<For>,
) -> page::Result<Response> {
    let form = Entered {
        form: to_hex(&app.console.env().random::<16>()),
        customer: asked.customer,
        hosts: "6".to_owned(),
        activations: "10".to_owned(),
        term: "225 days".to_owned(),
        ..Entered::default()
    };
    html(&MintPage { frame: page.frame(), form, groups: groups(&app).await?, failed: None })
}

/// `POST /mint-host-key`. The key is in the answer and nowhere else, so the answer is the page itself.
pub async fn mint(
    page: Page<Keys>,
    State(app): State<Administration>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    let failed = match read(&form) {
        Ok(order) => match app.act(page.by(), |authority, db, by| mint_host_key(authority, db, order, by)).await {
            Ok((key, minted)) => return Minted::new(page.frame(), &key, &minted, form.group).answer(),
            Err(problem) => Failed::of(problem)?,
        },
        Err(failed) => failed,
    };
    unprocessable(&MintPage { frame: page.frame(), form, groups: groups(&app).await?, failed: Some(failed) })
}

async fn groups(app: &Administration) -> page::Result<Vec<GroupRow>> {
    let pack = app.look(pack::load).await?;
    Ok(pack.map(|pack| pack.groups).unwrap_or_default())
}

fn read(form: &Entered) -> Result<HostOrder, Failed> {
    let number = |field, text: &str| {
        let wrong = || Failed::field(field, "a whole number from 1");
        text.trim().parse().ok().filter(|number| *number > 0).ok_or_else(wrong)
    };
    let number_if_any = |field, text: &str| {
        if text.trim().is_empty() { Ok(None) } else { number(field, text).map(Some) }
    };
    let customer = form.customer.trim().parse();
    let term: Result<Duration, _> = form.term.trim().parse();
    let pools = form.pools.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::parse::<PoolOrder>);
    Ok(HostOrder {
        form: Some(form.form.clone()).filter(|form| !form.is_empty()),
        customer: customer.map_err(|error| Failed::field("customer", format!("{error}")))?,
        group: form.group.parse().map_err(|_| Failed::field("group", "choose one"))?,
        worth: HostWorth {
            hosts_max: number("hosts", &form.hosts)?,
            activations_max: number("activations", &form.activations)?,
            term_secs: term.map_err(|error| Failed::field("term", error.to_string()))?.as_secs(),
            clients_max: number_if_any("clients_max", &form.clients_max)?,
            threshold: number_if_any("threshold", &form.threshold)?,
            pools: Vec::new(),
        },
        pools: pools.collect::<Result<_, _>>().map_err(|error| Failed::field("pools", error))?,
    })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let group = |n: usize| GroupRow { group: format!("group-{n}"), name: format!("Group {n}") };
    let page = |groups: usize, form: Entered, failed| {
        let groups = (0..groups).map(group).collect();
        MintPage { frame: Frame::sample(&PRODUCT, "/keys"), form, groups, failed }.render()
    };
    let filled = Entered {
        customer: "muster-works".to_owned(),
        group: "group-2".to_owned(),
        hosts: "0".to_owned(),
        activations: "10".to_owned(),
        term: "225 days".to_owned(),
        pools: "render-farm=8,term=30m".to_owned(),
        ..Entered::default()
    };
    Ok(vec![
        ("mint-host-key-empty", page(0, Entered::default(), None)?),
        ("mint-host-key-typical", page(4, Entered { hosts: "6".to_owned(), ..filled.clone() }, None)?),
        ("mint-host-key-error", page(4, filled, Some(Failed::field("hosts", "a whole number from 1")))?),
    ])
}
