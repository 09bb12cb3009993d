//! The disk is filled up at a moment that is drawn: the host refuses with its code, has what it acknowledged, and grants
//! again when there is room, without a restart.

use std::time::Instant;

use anyhow::ensure;
use serde_json::Value;

use super::disk::Fate;
use super::figures::{Figures, Progress};
use super::lot::Lot;
use super::place::Place;
use crate::load::{Answer, Connection};
use crate::programs::PATIENCE;

const CONNECTIONS: usize = 4;
/// The most room that is left when the disk begins to be full.
const ROOM_MAX: u64 = 200_000;
/// Times that the same host sees its disk full.
const TIMES_OF_A_HOST: u64 = 10;
/// Requests that are asked once there is room.
const REQUESTS: usize = 10;

/// Fills disks so many times.
pub fn run(lot: &Lot, times: u64) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("the disk is full, and has room again");
    let mut progress = Progress::new("times the disk is full", times);
    while figures.times < times {
        let mut place = Place::new(lot)?;
        let mut fleet = place.fleet(lot, CONNECTIONS)?;
        let host = place.start()?;
        figures.starts.push(host.started_in);
        for _ in 0..(times - figures.times).min(TIMES_OF_A_HOST) {
            place.disk.leave_room(Some(lot.below(ROOM_MAX)));
            let begin = Instant::now();
            loop {
                let (_, unavailable) = fleet.ask_in_turn(host.clients, 1)?;
                if let Some(answer) = unavailable.first() {
                    check_refusal(answer)?;
                    break;
                }
                ensure!(begin.elapsed() < PATIENCE, "the host does not notice that its disk is full");
            }
            figures.open += 1;
            // Whether it is ready is another matter: its probe writes less than a lease, and may still find room.
            ensure!(get(host.clients, "/livez")? == 200, "it does not say that it lives");
            figures.entries += fleet.demand(place.seen()?.path())?.len();
            place.disk.leave_room(None);
            ensure!(get(host.clients, "/readyz")? == 200, "it is not ready although there is room");
            let (decided, _) = fleet.ask_in_turn(host.clients, REQUESTS)?;
            ensure!(decided == REQUESTS, "{decided} of {REQUESTS} requests were decided although there is room");
            figures.times += 1;
            progress.step();
        }
        // What it acknowledged before, in between and after outlives the power.
        place.cut(Fate::drawn(lot));
        drop(host);
        place.power_up()?;
        place.demand(&mut fleet)?.0.stop()?;
        figures.acknowledged += fleet.acknowledged();
    }
    Ok(figures)
}

fn check_refusal(answer: &Answer) -> anyhow::Result<()> {
    let members: Value = serde_json::from_slice(&answer.body)?;
    let is_named = answer.status == 503 && members["code"] == "host-read-only";
    ensure!(is_named && answer.header("retry-after") == Some("30"), "a full disk is called {answer:?}");
    Ok(())
}

fn get(host: std::net::SocketAddr, path: &str) -> anyhow::Result<u16> {
    let mut connection = Connection::open(host)?;
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
    Ok(connection.answer()?.status)
}
