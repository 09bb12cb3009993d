//! All entries that fit, as a file, written as it is read: a few hundred entries are in memory at one time.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use http_body_util::channel::Channel;
use keymuster_core::time::Timestamp;
use keymuster_service::Problem;
use keymuster_service::console::csv;
use keymuster_service::database::Pool;

use crate::store::audit::Filter;
use crate::views::audit::{self, Act, PART, Page};

/// Pieces that wait for a reader.
const WAITING: usize = 2;

/// The form of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Lines of comma-separated values, the first one with their names.
    Csv,
    /// A list.
    Json,
}

/// Answers with all entries that fit.
pub async fn stream(pool: &Pool, filter: Filter, form: Form) -> Result<Response, Problem> {
    let pool = pool.clone();
    let mut page = part(&pool, filter.clone(), None).await?;
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(WAITING);
    tokio::spawn(async move {
        let mut is_first = true;
        loop {
            let text = text(&page, form, is_first);
            // Whoever has gone away needs no more.
            if sender.send_data(text.into()).await.is_err() {
                return;
            }
            let Some(next) = page.next else { return };
            is_first = false;
            page = match part(&pool, filter.clone(), Some(next)).await {
                Ok(page) => page,
                // The reader sees a file that breaks off, and not one that seems to be whole.
                Err(problem) => return sender.abort(io::Error::other(problem.detail().to_owned())),
            };
        }
    });
    let (kind, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "audit.csv"),
        Form::Json => ("application/json", "audit.json"),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::new(body)).into_response())
}

async fn part(pool: &Pool, filter: Filter, after: Option<u64>) -> Result<Page, Problem> {
    Ok(pool.read(move |tx| audit::load(tx, &filter, after, PART)).await?)
}

fn text(page: &Page, form: Form, is_first: bool) -> String {
    match form {
        Form::Csv => {
            let head = if is_first { "number,when,who,act,what,detail,head\r\n" } else { "" };
            head.to_owned() + &page.entries.iter().map(line).collect::<String>()
        }
        Form::Json => {
            // An entry is numbers and texts, which JSON takes.
            let entries = page.entries.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default());
            let entries = entries.collect::<Vec<_>>().join(",\n");
            let (before, after) = (if is_first { "[" } else { ",\n" }, if page.next.is_none() { "]\n" } else { "" });
            format!("{before}{entries}{after}")
        }
    }
}

fn line(entry: &Act) -> String {
    let Act { sequence, at, actor, act, subject, detail, head, .. } = entry;
    let (number, when) = (sequence.to_string(), Timestamp::from_secs(*at).to_string());
    csv::line([&number, &when, actor, act, subject, detail, head].map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_a_whole() {
        let entry = |sequence| Act {
            sequence,
            at: 0,
            when: String::new(),
            actor: "ada, b".to_owned(),
            act: "a".to_owned(),
            subject: "=1".to_owned(),
            detail: String::new(),
            head: "00".to_owned(),
        };
        let parts =
            [Page { entries: vec![entry(3), entry(2)], next: Some(2) }, Page { entries: vec![entry(1)], next: None }];
        let whole = |form| text(&parts[0], form, true) + &text(&parts[1], form, false);
        let json: serde_json::Value = serde_json::from_str(&whole(Form::Json)).unwrap();
        let numbers: Vec<u64> = json.as_array().unwrap().iter().map(|e| e["sequence"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [3, 2, 1]);
        let lines: Vec<String> = whole(Form::Csv).lines().map(str::to_owned).collect();
        assert_eq!(lines[1], "3,1970-01-01T00:00:00Z,\"ada, b\",a,'=1,,00");
        assert_eq!(lines.len(), 4);
        let nothing = Page { entries: Vec::new(), next: None };
        assert_eq!(text(&nothing, Form::Json, true), "[]\n");
    }
}
