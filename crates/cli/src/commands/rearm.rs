//! `keymuster rearm`: give up the identity of an installation before an image is captured or on a copy, or begin the grace
//! of one edition anew.

use clap::Args;
use keymuster_client::{Client, Product, Status};
use serde_json::json;

use super::status;
use crate::answer::{Answer, confirmed};
use crate::failure::Failure;
use crate::machine::Machine;

/// Options of `rearm`.
#[derive(Debug, Args)]
pub struct Options {
    /// Do not ask whether it is meant.
    #[arg(long)]
    yes: bool,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let products = machine.of_one_publisher()?;
    match products.as_slice() {
        [product] if machine.names_edition() => rearm_edition(&machine.look(product)?, options),
        several => rearm(&machine.look(&several[0])?, several, options),
    }
}

/// All editions of a publisher.
fn rearm(client: &Client, products: &[Product], options: &Options) -> Result<Answer, Failure> {
    let (publisher, before) = (client.product().publisher(), client.status());
    let editions: Vec<&str> = products.iter().map(|product| product.edition().id.as_str()).collect();
    let names = editions.join(", ");
    if before.client.is_some() {
        let what = "this gives up the client id, the key and all leases and activations";
        consent(options, &before, &format!("{what} of {publisher} on this machine ({names})"))?;
    }
    let left = client.rearm()?.rearms_left;
    let done = if before.client.is_some() { "re-armed" } else { "was re-armed already" };
    let text = format!(
        "{publisher} ({names}): {done}, {} left\n\
         to make an image, capture it before a product starts; until then `keymuster status` changes nothing\n\
         otherwise start the product again, or run `keymuster activate`",
        times(left)
    );
    Ok(Answer::new(text, json!({ "publisher": publisher.as_str(), "editions": editions, "rearms_left": left })))
}

/// The grace of one edition.
fn rearm_edition(client: &Client, options: &Options) -> Result<Answer, Failure> {
    let before = client.status();
    consent(options, &before, &format!("this begins the grace of {} anew ({})", before.edition, before.state))?;
    Ok(status::of(&client.rearm_edition()?))
}

/// Where no rearms are left there is nothing to ask: the client says so.
fn consent(options: &Options, before: &Status, what: &str) -> Result<(), Failure> {
    let left = before.rearms_left;
    match options.yes || left == 0 || confirmed(&format!("{what}; it is possible {} more", times(left)))? {
        true => Ok(()),
        false => Err(Failure::refused("nothing was re-armed", "say yes, or add --yes where nobody can be asked")),
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}
