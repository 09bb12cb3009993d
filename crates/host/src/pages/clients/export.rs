//! All clients that match, as a file, written as it is read: a thousand rows are in memory at one time.

use std::io;

use axum::body::{Body, Bytes};
use http_body_util::channel::Channel;
use keymuster_service::console::csv;
use keymuster_service::database::Pool;

use super::*;
use crate::views::clients::ROWS_MAX;

/// Pieces that wait for a reader.
const WAITING: usize = 2;

/// The form of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Csv,
    Json,
}

/// Answers with everything that matches.
pub(super) async fn stream(
    app: &Administration,
    query: clients::Query,
    now: Timestamp,
    form: Form,
) -> page::Result<Response> {
    let query = clients::Query { limit: Some(ROWS_MAX), after: String::new(), ..query };
    let pool = app.console.pool().clone();
    // What is wrong with the query is said before anything is sent.
    let first = read(&pool, query.clone(), now).await?;
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(WAITING);
    tokio::spawn(async move {
        let (mut page, mut is_first) = (first, true);
        loop {
            let next = page.next.clone();
            let text = part(&page.rows, form, is_first, next.is_none());
            // Whoever has gone away needs no more.
            if sender.send_data(text.into()).await.is_err() {
                return;
            }
            let Some(after) = next else { return };
            is_first = false;
            page = match read(&pool, clients::Query { after, ..query.clone() }, now).await {
                Ok(page) => page,
                // The reader sees a file that breaks off, and not one that seems to be whole.
                Err(problem) => return sender.abort(io::Error::other(problem.detail().to_owned())),
            };
        }
    });
    let (kind, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "clients.csv"),
        Form::Json => ("application/json", "clients.json"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::new(body)).into_response())
}

async fn read(pool: &Pool, query: clients::Query, now: Timestamp) -> Result<clients::Page, Problem> {
    pool.read(move |tx| {
        let site = Site::load(tx)?;
        let search = Search::new(&site, &query, now);
        let search = search
            .map_err(|wrong| Problem::new(&codes::INPUT_INVALID, format!("{}: {}", wrong.field, wrong.message)))?;
        Ok(clients::load(tx, &search)?)
    })
    .await
}

fn part(rows: &[ClientRow], form: Form, is_first: bool, is_last: bool) -> String {
    let mut text = String::new();
    match form {
        Form::Csv => {
            if is_first {
                text += "publisher,edition,client,name,address,system,product_version,state,first_asked,last_asked,\
                         lease_expires,is_shared\r\n";
            }
            rows.iter().for_each(|row| csv_line(&mut text, row));
        }
        Form::Json => {
            let mut separator = if is_first { "[\n" } else { ",\n" };
            for row in rows {
                text += separator;
                // A row is numbers and texts, which JSON takes.
                text += &serde_json::to_string(row).unwrap_or_default();
                separator = ",\n";
            }
            if is_first && rows.is_empty() {
                text += "[";
            }
            if is_last {
                text += "\n]\n";
            }
        }
    }
    text
}

fn csv_line(text: &mut String, row: &ClientRow) {
    let time = |secs: Option<u64>| secs.map(|secs| Timestamp::from_secs(secs).to_string()).unwrap_or_default();
    let cells = [
        row.publisher.clone(),
        row.edition.clone(),
        row.client.clone(),
        row.name.clone().unwrap_or_default(),
        row.address.clone(),
        row.system.clone().unwrap_or_default(),
        row.product_version.clone().unwrap_or_default(),
        row.state.name().to_owned(),
        time(Some(row.first_asked)),
        time(row.last_asked),
        time(row.lease_expires),
        row.is_shared.to_string(),
    ];
    text.push_str(&csv::line(cells.each_ref().map(String::as_str)));
}
