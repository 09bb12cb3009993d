//! What a publisher sees first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::time::DAY;
use keymuster_service::console::Page;
use keymuster_service::console::chart::{self, Columns, Countdown, Markup, Moment, Series, Slot, Tone};
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::issuer::WARN_SECS;
use crate::views::overview::{self, DayRow, IssuerView, Overview, RefusedRow};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    overview: Overview,
}

impl OverviewPage {
    /// What happened in the last days.
    fn days(&self) -> Markup {
        let slot = |day: &DayRow| {
            let name = day.begin.day();
            Slot { label: name[5..].to_owned(), name, counts: vec![day.activations, day.entitlements, day.refusals] }
        };
        let slots: Vec<Slot> = self.overview.days.iter().map(slot).collect();
        let series = [
            Series { name: "Activations by MAK", tone: Tone::First },
            Series { name: "Entitlements of hosts", tone: Tone::Second },
            Series { name: "Refusals", tone: Tone::Third },
        ];
        chart::columns(&Columns { title: "The last 30 days", series: &series, slots: &slots })
    }

    /// How long the issuer key may still sign.
    fn issuer(&self) -> Markup {
        let IssuerView { signer, not_before, sign_until } = &self.overview.issuer;
        let moment = |day: u64, text: String| Moment { day, text };
        let stops = moment(sign_until.day_number(), sign_until.day());
        let warn_day = stops.day.saturating_sub(WARN_SECS / DAY);
        let begins = moment(not_before.day_number(), not_before.day());
        let label = format!("Issuer key {signer}");
        chart::countdown(&Countdown {
            label: &label,
            warns: moment(warn_day.max(begins.day), format!("{} days before", WARN_SECS / DAY)),
            begins,
            stops,
            today: self.overview.now.day_number(),
        })
    }

    /// What is used and left of a MAK.
    fn bar(key: &crate::views::keys::KeyRow) -> Markup {
        let parts = [
            chart::Part { name: "used", count: key.used, tone: Tone::Warn, href: None },
            chart::Part { name: "left", count: key.left(), tone: Tone::Quiet, href: None },
        ];
        let title = format!("Activations of {}", key.covers);
        chart::bar(&chart::Bar { title: &title, parts: &parts })
    }

    /// The days for which the issuer may still sign, where they are few.
    fn issuer_days_if_few(&self) -> Option<u64> {
        let days = self.overview.issuer.sign_until.days_after(self.overview.now);
        (days < WARN_SECS / DAY).then_some(days)
    }
}

/// `GET /`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let at = page.at();
    let overview = app.look(move |authority, tx| overview::load(authority, tx, at)).await?;
    html(&OverviewPage { frame: page.frame(), overview })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let days = |most: u64| {
        let day = |n: u64| DayRow {
            begin: sample::ago(29 - n),
            activations: n * 37 % 53 * most,
            entitlements: n % 4 * most,
            refusals: n % 9 / 7 * most,
        };
        (0..30).map(day).collect()
    };
    let refused = |n: usize| {
        let code = keymuster_core::codes::all().nth(20 + n).expect("there are more codes");
        RefusedRow {
            code: code.name.to_owned(),
            number: format!("KM-{}", code.number),
            meaning: code.sentence,
            machines: 40 - n as u64,
        }
    };
    let page = |rows: u64, left: u64| {
        let overview = Overview {
            publisher: "Aurora Systems".to_owned(),
            now: sample::NOW.into(),
            customers: rows * 120,
            hosts: rows * 431,
            keys: rows * 777,
            catalogue_version: u32::try_from(rows).unwrap_or(0),
            issuer: IssuerView {
                signer: "4f0a1c7e".to_owned(),
                not_before: sample::ago(365 - left),
                sign_until: sample::ahead(left),
            },
            days: days(rows),
            maks_running_low: (0..rows).map(|n| sample::key(n * 3 + 2)).collect(),
            entitlements_ending: (0..rows).map(|n| sample::host(n * 3)).collect(),
            hosts_silent: (0..rows).map(|n| sample::host(n * 6 + 30)).collect(),
            refusals: (0..rows as usize).map(refused).collect(),
            proposals: (0..rows / 3).map(|n| sample::proposal(n * 5)).collect(),
        };
        OverviewPage { frame: Frame::sample(&PRODUCT, "/"), overview }.render()
    };
    Ok(vec![("overview-empty", page(0, 360)?), ("overview-typical", page(3, 200)?), ("overview-full", page(8, 41)?)])
}
