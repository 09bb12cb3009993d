//! What was taken back by whom, and what waits for a second person.

use keymuster_core::time::Timestamp;
use keymuster_service::console::chart::number;
use keymuster_service::sql::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Page, Query, Time, unknown};
use crate::acts::proposal::WAITS_SECS;
use crate::error::Error;
use crate::store::limit;
use crate::store::proposal::{self, Proposal};

/// One act.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Proposal)]
pub struct ProposalRow {
    /// Its number, from 1 on.
    pub number: u64,
    /// `revoke-key`, `revoke-host`, `stop-customer` or `set-limits`.
    pub kind: String,
    /// What it takes back: a key, a host, a customer; or the limits that it sets.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// How many hosts it takes back.
    pub hosts: u64,
    /// How many machines lose their activation with them.
    pub machines: u64,
    /// When it was asked for.
    pub proposed_at: Time,
    /// By whom.
    pub proposed_by: String,
    /// When it expires, unless somebody decides before.
    pub expires_at: Time,
    /// `waits`, `done`, `confirmed`, `withdrawn` or `expired`.
    pub state: &'static str,
    /// When it ended, if it has.
    pub ended_at: Option<Time>,
    /// Who ended it, if it has.
    pub ended_by: Option<String>,
}

/// From which size on taking back needs two persons.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Limits)]
pub struct LimitsView {
    /// The most hosts that one person takes back alone in a day; 0 means that every act needs two.
    #[schema(format = Int64, maximum = 4294967295u64)]
    pub hosts: u32,
    /// The most machines that one person takes the activation from alone in a day; 0 means that every act needs two.
    #[schema(format = Int64, maximum = 4294967295u64)]
    pub machines: u32,
}

impl ProposalRow {
    /// What it does, for people.
    pub fn words(&self) -> String {
        match self.kind.as_str() {
            "revoke-key" => format!("Revoke key {}", self.subject),
            "revoke-host" => format!("Revoke host {}", self.subject),
            "stop-customer" => format!("Stop customer {}", self.subject),
            _ => format!("Set the limits to {}", self.subject),
        }
    }

    /// The page of what it takes back.
    pub fn href(&self) -> String {
        match self.kind.as_str() {
            "revoke-key" => format!("/keys/{}", self.subject),
            "revoke-host" => format!("/hosts/{}", self.subject),
            "stop-customer" => format!("/customers/{}", self.subject),
            _ => "/limits".to_owned(),
        }
    }

    /// What it takes away, for people.
    pub fn reach(&self) -> String {
        let counted = |n: u64, noun: &str| format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" });
        format!("{}, {}", counted(self.hosts, "host"), counted(self.machines, "machine"))
    }

    /// How it stands, as a badge says it.
    pub fn state_words(&self) -> &'static str {
        match self.state {
            "waits" => "Waits",
            "done" => "Done",
            "confirmed" => "Confirmed",
            "withdrawn" => "Withdrawn",
            "expired" => "Expired",
            other => other,
        }
    }

    /// Whether it waits.
    pub fn waits(&self) -> bool {
        self.state == "waits"
    }

    /// The kind of its state's badge.
    pub fn badge(&self) -> &'static str {
        match self.state {
            "waits" => "warn",
            "done" | "confirmed" => "good",
            _ => "",
        }
    }
}

/// One page, the newest first.
pub fn list(tx: &Transaction<'_>, query: &Query, now: Timestamp) -> Result<Page<ProposalRow>, Error> {
    let before = (!query.after.is_empty()).then(|| query.after.parse::<u64>());
    let before = before.transpose().map_err(|_| Error::Rule("after is no place of this list".to_owned()))?;
    let rows = proposal::newest(tx, before, query.rows() + 1)?;
    let rows = rows.into_iter().map(|proposal| row(proposal, now)).collect();
    Ok(Page::cut(rows, query.rows(), |row: &ProposalRow| row.number.to_string()))
}

/// Those that wait, the oldest first.
pub fn pending(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<ProposalRow>, Error> {
    let rows = proposal::pending(tx)?.into_iter().map(|proposal| row(proposal, now));
    Ok(rows.filter(ProposalRow::waits).collect())
}

/// One of them.
pub fn load(tx: &Transaction<'_>, number: u64, now: Timestamp) -> Result<ProposalRow, Error> {
    Ok(row(proposal::find(tx, number)?.ok_or_else(|| unknown("proposal", number))?, now))
}

/// The limits that count.
pub fn limits(tx: &Transaction<'_>) -> Result<LimitsView, Error> {
    let limit::Limits { hosts, machines } = limit::load(tx)?;
    Ok(LimitsView { hosts, machines })
}

/// What has waited too long has expired, also where nobody has written that down yet.
fn row(proposal: Proposal, now: Timestamp) -> ProposalRow {
    let expires_at = proposal.proposed_at.plus(WAITS_SECS);
    let state = match &proposal.end {
        Some(end) => end.outcome.name(),
        None if now >= expires_at => "expired",
        None => "waits",
    };
    ProposalRow {
        number: proposal.number,
        kind: proposal.kind,
        subject: proposal.subject,
        reason: proposal.reason,
        hosts: proposal.reach.hosts,
        machines: proposal.reach.machines,
        proposed_at: proposal.proposed_at.into(),
        proposed_by: proposal.actor,
        expires_at: expires_at.into(),
        state,
        ended_at: proposal.end.as_ref().map(|end| end.at.into()),
        ended_by: proposal.end.map(|end| end.by),
    }
}
