//! Lines of comma-separated values (RFC 4180), for people's spreadsheets.

/// One line.
pub fn line<const N: usize>(cells: [&str; N]) -> String {
    cells.map(cell).join(",") + "\r\n"
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it: others choose names, and the file is
/// opened on an administrator's machine.
pub fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_texts_and_no_formulas() {
        for (text, expected) in [
            ("", ""),
            ("ws-1", "ws-1"),
            ("=1+1", "'=1+1"),
            ("-1", "'-1"),
            ("\ra", "\"'\ra\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=cmd|'a','b'", "\"'=cmd|'a','b'\""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
        assert_eq!(line(["a", "b,c"]), "a,\"b,c\"\r\n");
    }
}
