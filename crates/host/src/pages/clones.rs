//! Client ids by which more than one machine has asked, each as a tree.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;
use keymuster_service::database::Failure;

use super::parts::{When, counted, sample_id};
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::site::Site;
use crate::views::clones::{self, Lineage, Place};

#[derive(Template)]
#[template(path = "clones.html")]
struct ClonesPage {
    frame: Frame,
    clones: Vec<Lineage>,
    now: Timestamp,
}

impl ClonesPage {
    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }

    fn times(&self, lineage: &Lineage) -> String {
        counted(lineage.times, "time")
    }

    fn is_now(&self, lineage: &Lineage, place: &Place) -> bool {
        lineage.address_now.as_deref() == Some(&place.address)
    }
}

/// `GET /clones`.
pub async fn show(page: Page<Look>, Shared(app): Shared<Administration>) -> page::Result<Response> {
    let now = page.at();
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| clones::load(tx, &Site::load(tx)?, now);
    let clones = app.console.pool().read::<_, Failure, _>(read).await?;
    html(&ClonesPage { frame: page.frame(), clones, now })
}

/// A shared identity for samples.
pub(super) fn sample(number: u64) -> Lineage {
    let place = |place: u64| Place {
        address: format!("10.4.{number}.{place}"),
        name: (place != 2).then(|| format!("ws-{number}-{place}.example.com")),
        first_at: (place != 3).then_some(1_799_000_000),
        newest_at: (place != 3).then_some(1_799_990_000),
        times: (place != 3).then_some(place),
    };
    Lineage {
        publisher: "aurora".to_owned(),
        client: sample_id(number),
        first_at: 1_799_000_000,
        newest_at: 1_799_990_000,
        times: number,
        address_now: Some(format!("10.4.{number}.1")),
        last_asked: Some(1_799_990_000),
        places: (1..=number.min(12) + 1).map(place).collect(),
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |clones| ClonesPage {
        frame: Frame::sample(&PRODUCT, "/clones"),
        clones,
        now: Timestamp::from_secs(1_800_000_000),
    };
    Ok(vec![
        ("clones-empty", page(Vec::new()).render()?),
        ("clones-typical", page(vec![sample(1), sample(3)]).render()?),
        ("clones-full", page((1..21).map(|number| sample(number % 12 + 1)).collect()).render()?),
    ])
}
