//! The acts of the show. What each client says is what its library returned; nothing is made up here.

use std::thread;

use anyhow::{Context as _, ensure};
use keymuster_client::{Client, Error, State};
use keymuster_core::codes;

use super::{SEATS, Stage, heading, tell};

/// The edition that thirty machines muster for.
pub const VOLUME_EDITION: &str = "desk-pro-2026";
/// The edition that is licensed by seats.
pub const SEAT_EDITION: &str = "render-farm";
/// The edition that a machine without a host activates by a MAK.
pub const MAK_EDITION: &str = "desk-enterprise-2026";
/// An edition of the second publisher.
const OTHER_EDITION: &str = "spectrum-2025";

const MACHINES: usize = 30;
const THRESHOLD: usize = 25;
/// More than there are seats.
const ARTISTS: usize = 8;

/// Plays all acts; the reason where one does not end as it should.
pub fn show(stage: &mut Stage) -> anyhow::Result<()> {
    let fleet = muster(stage)?;
    renew(&fleet)?;
    share_seats(stage)?;
    activate_by_mak(stage)?;
    ask_other_publisher(stage)?;
    live_without_host(stage, &fleet)?;
    heading("What the host says now")?;
    tell("host", &stage.host.run(&["status"], "")?)
}

fn clients(stage: &Stage, group: &str, edition: &str, number: usize) -> anyhow::Result<Vec<Client>> {
    let store = |n: usize| stage.root.join("machines").join(format!("{group}-{n:02}"));
    (1..=number).map(|n| stage.host.client(&store(n), stage.aurora.product(edition)?)).collect()
}

/// One line about what an attempt brought.
fn outcome(result: &Result<keymuster_client::Status, Error>) -> String {
    match result {
        Ok(status) => status.state.to_string(),
        Err(error) => format!("{error} ({})", error.code()),
    }
}

fn say(machine: usize, what: &str) -> anyhow::Result<()> {
    tell(&format!("client {machine:02}"), &[what.to_owned()])
}

fn muster(stage: &Stage) -> anyhow::Result<Vec<Client>> {
    heading(&format!("{MACHINES} machines muster; the threshold of {VOLUME_EDITION} is {THRESHOLD}"))?;
    let fleet = clients(stage, "desk", VOLUME_EDITION, MACHINES)?;
    for (n, client) in (1..).zip(&fleet) {
        let result = client.activate();
        say(n, &outcome(&result))?;
        thread::sleep(stage.pace);
        ensure!(result.is_ok() == (n >= THRESHOLD), "client {n} was not answered as the threshold demands");
    }
    heading("The early ones ask again, all at once")?;
    let early = &fleet[..THRESHOLD - 1];
    let results = at_once(early, Client::activate);
    say(1, &outcome(&results[0]))?;
    let activated = results.iter().filter(|result| result.is_ok()).count();
    tell("fleet", &[format!("{activated} of {} activated", early.len())])?;
    ensure!(activated == early.len(), "a client was refused although the threshold is reached");
    Ok(fleet)
}

/// Does the same on many clients, each on a thread of its own.
fn at_once(
    clients: &[Client],
    act: impl Fn(&Client) -> Result<keymuster_client::Status, Error> + Sync,
) -> Vec<Result<keymuster_client::Status, Error>> {
    thread::scope(|scope| {
        let started: Vec<_> = clients.iter().map(|client| scope.spawn(|| act(client))).collect();
        started.into_iter().map(|thread| thread.join().expect("the library does not panic")).collect()
    })
}

fn renew(fleet: &[Client]) -> anyhow::Result<()> {
    heading("All of them renew")?;
    let results = at_once(fleet, Client::renew);
    let renewed = results.iter().filter(|result| result.is_ok()).count();
    say(1, &outcome(&results[0]))?;
    tell("fleet", &[format!("{renewed} of {} renewed", fleet.len())])?;
    ensure!(renewed == fleet.len(), "not every client could renew");
    Ok(())
}

fn share_seats(stage: &Stage) -> anyhow::Result<()> {
    heading(&format!("{ARTISTS} artists race for {SEATS} seats of {SEAT_EDITION}"))?;
    let artists = clients(stage, "artist", SEAT_EDITION, ARTISTS)?;
    let results = at_once(&artists, Client::activate);
    for (n, result) in (1..).zip(&results) {
        say(n, &outcome(result))?;
    }
    let (seated, waiting): (Vec<usize>, Vec<usize>) = (0..ARTISTS).partition(|n| results[*n].is_ok());
    ensure!(seated.len() == SEATS, "{} artists have a seat, the pool has {SEATS}", seated.len());
    let (leaves, takes) = (seated[0], waiting[0]);
    artists[leaves].release()?;
    say(leaves + 1, "gives its seat back")?;
    let result = artists[takes].activate();
    say(takes + 1, &outcome(&result))?;
    ensure!(result.is_ok(), "a seat that was given back was not free");
    Ok(())
}

fn activate_by_mak(stage: &Stage) -> anyhow::Result<()> {
    heading("A machine that sees no host is activated by the authority, with a MAK")?;
    let store = stage.root.join("machines").join("laptop");
    let client = stage.host.client(&store, stage.aurora.product(MAK_EDITION)?)?;
    let mistyped = with_one_symbol_wrong(&stage.mak).context("the MAK has no symbol to mistype")?;
    let refused = client.install_key(&mistyped);
    say(1, &outcome(&refused))?;
    ensure!(refused.is_err(), "a mistyped key was accepted");
    client.install_key(&stage.mak)?;
    let result = client.activate();
    say(1, &outcome(&result))?;
    ensure!(result.is_ok(), "the MAK did not activate");
    tell("aurora", &stage.aurora.run(&["key", "list"])?)
}

/// A key as somebody might mistype it: its third symbol is another one.
fn with_one_symbol_wrong(key: &str) -> Option<String> {
    let symbol = key.chars().nth(2)?;
    let wrong = if symbol == 'B' { "C" } else { "B" };
    Some(format!("{}{wrong}{}", key.get(..2)?, key.get(3..)?))
}

fn ask_other_publisher(stage: &Stage) -> anyhow::Result<()> {
    heading("The same host serves the other publisher, with a count of its own")?;
    let store = stage.root.join("machines").join("lab");
    let client = stage.host.client(&store, stage.borealis.product(OTHER_EDITION)?)?;
    let result = client.activate();
    say(1, &outcome(&result))?;
    let refused = result.err().context("one client was enough for a threshold of five")?;
    ensure!(refused.code().name == codes::THRESHOLD_NOT_MET.name, "refused for another reason");
    Ok(())
}

fn live_without_host(stage: &mut Stage, fleet: &[Client]) -> anyhow::Result<()> {
    heading("The host is stopped: nobody loses anything")?;
    stage.host.stop()?;
    let result = fleet[0].renew();
    say(1, &outcome(&result))?;
    ensure!(result.is_err(), "a host that is stopped has answered");
    let licensed = fleet.iter().filter(|client| matches!(client.status().state, State::Licensed { .. })).count();
    tell("fleet", &[format!("{licensed} of {} are licensed", fleet.len())])?;
    ensure!(licensed == fleet.len(), "a client lost its licence");

    heading("The host is started again, and knows them all")?;
    stage.host.start()?;
    let result = fleet[0].renew();
    say(1, &outcome(&result))?;
    ensure!(result.is_ok(), "the host does not answer after its restart");
    Ok(())
}
