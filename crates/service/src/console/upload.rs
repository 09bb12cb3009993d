//! What is sent and fetched as files: forms with files (`multipart/form-data`), and documents (`application/octet-stream`).
//!
//! A body is read whole; the edge has bounded how long it can be.

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keymuster_core::codes;
use utoipa::ToSchema;

use super::idempotency::not_kept;
use crate::Problem;

/// Fields and files of one form: more are refused.
const PARTS_MAX: usize = 100;
/// The media type of documents.
const OCTETS: &str = "application/octet-stream";

/// What was sent, in its order.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    parts: Vec<Part>,
}

/// A field or a file.
#[derive(Clone, Debug)]
pub struct Part {
    /// The name of its field.
    pub field: String,
    /// The name by which its sender knows the file; nothing for a field without one.
    pub file_name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Upload {
    /// The text of a field; nothing where there is none.
    pub fn text(&self, field: &str) -> String {
        let part = self.parts.iter().find(|part| part.field == field);
        part.map(|part| String::from_utf8_lossy(&part.bytes).trim().to_owned()).unwrap_or_default()
    }

    /// What was sent for a field, without fields that were left empty.
    pub fn files(self, field: &str) -> Vec<Part> {
        self.parts.into_iter().filter(|part| part.field == field && !part.bytes.is_empty()).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Upload, Problem> {
        let form = Multipart::from_request(request, state).await;
        let mut form =
            form.map_err(|_| Problem::new(&codes::MEDIA_TYPE_UNSUPPORTED, "send the body as multipart/form-data"))?;
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.map_err(|error| not_read(&error))? {
            if parts.len() == PARTS_MAX {
                let detail = format!("a form has at most {PARTS_MAX} fields and files");
                return Err(Problem::new(&codes::INPUT_INVALID, detail));
            }
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(|error| not_read(&error))?.to_vec();
            parts.push(Part { field: name, file_name, bytes });
        }
        Ok(Upload { parts })
    }
}

/// A document that is the whole body (`application/octet-stream`).
#[derive(Clone, Debug, ToSchema)]
#[schema(as = File, value_type = String, format = Binary)]
pub struct Document(pub Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Document, Problem> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().unwrap_or_default().trim() != OCTETS {
            return Err(Problem::new(&codes::MEDIA_TYPE_UNSUPPORTED, format!("send the file as {OCTETS}")));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| Problem::new(&codes::BODY_TOO_LARGE, rejection.body_text()))?;
        Ok(Document(bytes.to_vec()))
    }
}

/// A file with a secret in it, to be kept by whoever asked for it and by nobody else.
#[derive(Clone)]
pub struct SecretFile {
    /// What it is called; it has no quotation mark in it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl SecretFile {
    /// The answer that browsers save.
    pub fn answer(self) -> Response {
        let saved = format!("attachment; filename=\"{}\"", self.name);
        let headers = [(header::CONTENT_TYPE, OCTETS.to_owned()), (header::CONTENT_DISPOSITION, saved)];
        not_kept((headers, self.bytes).into_response())
    }
}

fn not_read(error: &MultipartError) -> Problem {
    let code =
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE { &codes::BODY_TOO_LARGE } else { &codes::INPUT_INVALID };
    Problem::new(code, error.body_text())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn read(kind: &str, body: &'static str) -> Result<Upload, Problem> {
        let request = Request::builder().header("content-type", kind).body(Body::from(body)).unwrap();
        Upload::from_request(request, &()).await
    }

    #[tokio::test]
    async fn fields_and_files_are_told_apart() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n two words \r\n\
                    --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pack\"\r\n\r\nKM1\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--\r\n";
        let upload = read("multipart/form-data; boundary=x", body).await.unwrap();
        assert_eq!((upload.text("note"), upload.text("other")), ("two words".to_owned(), String::new()));
        let files = upload.files("file");
        assert_eq!(files.len(), 1, "a field that was left empty is no file");
        assert_eq!((files[0].file_name.as_str(), files[0].bytes.as_slice()), ("a.pack", &b"KM1"[..]));
    }

    #[tokio::test]
    async fn what_is_no_such_form_is_refused() {
        for (kind, body, code) in [
            ("application/json", "{}", "media-type-unsupported"),
            ("multipart/form-data", "", "media-type-unsupported"),
            ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data", "input-invalid"),
        ] {
            assert_eq!(read(kind, body).await.unwrap_err().code().name, code, "{kind}");
        }
    }
}
