//! Documents that go to a host together, as `multipart/form-data` (RFC 7578).

/// A document, and the field that it is for.
#[derive(Clone)]
pub struct Part {
    /// The name of the field.
    pub field: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The media type and the body. `boundary` is random, so that it stands in no document.
pub(super) fn written(parts: &[Part], boundary: &str) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for Part { field, bytes } in parts {
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{field}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_between_boundaries() {
        let parts = [Part { field: "a", bytes: b"1\r\n2".to_vec() }, Part { field: "b", bytes: Vec::new() }];
        let (kind, body) = written(&parts, "x");
        assert_eq!(kind, "multipart/form-data; boundary=x");
        let of = |field| {
            format!(
                "--x\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{field}\"\r\n\
                 content-type: application/octet-stream\r\n\r\n"
            )
        };
        let expected = format!("{}1\r\n2\r\n{}\r\n--x--\r\n", of("a"), of("b"));
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
