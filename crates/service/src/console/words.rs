//! What programs say, as people read it: messages as sentences, points in time to the minute.
//!
//! Messages begin small and end without a full stop, so that they can stand inside others; on a page they stand alone.

use askama::Template;
use keymuster_core::time::Timestamp;

use super::markup::Markup;

/// Words, or what is to be typed or read as it stands.
struct Piece<'a> {
    text: &'a str,
    is_literal: bool,
}

#[derive(Template)]
#[template(
    source = "{% for piece in pieces %}{% if piece.is_literal %}<code>{{ piece.text }}</code>{% else %}{{ piece.text }}{% endif %}{% endfor %}",
    ext = "html"
)]
struct Sentence<'a> {
    pieces: Vec<Piece<'a>>,
}

/// A message as a sentence, with its capital and its full stop; what stands in backquotes is literal.
pub fn sentence(text: &str) -> Markup {
    let text = text.trim();
    let mut whole = String::with_capacity(text.len() + 1);
    // The name of a machine, a setting or a program keeps its small letter.
    let first = text.split(' ').next().unwrap_or_default().trim_end_matches([',', ':', ';']);
    let is_word = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_lowercase()) && first != "keymuster";
    match text.chars().next() {
        Some(letter) if is_word => {
            whole.push(letter.to_ascii_uppercase());
            whole.push_str(&text[1..]);
        }
        _ => whole.push_str(text),
    }
    literal(&whole)
}

/// A message that goes on where a sentence has begun: it only gets its full stop.
pub fn literal(text: &str) -> Markup {
    let stop = if text.is_empty() || text.ends_with(['.', '?', '!', ':', '…']) { "" } else { "." };
    let piece = |(place, text)| Piece { text, is_literal: place % 2 == 1 };
    let pieces = text.split('`').enumerate().map(piece).chain([Piece { text: stop, is_literal: false }]);
    Markup::of(&Sentence { pieces: pieces.filter(|piece| !piece.text.is_empty()).collect() })
}

/// A point in time without its seconds: `2027-01-15 08:00 UTC`.
pub fn minutes(at: &Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minutes| format!("{} UTC", minutes.replace('T', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        for (message, expected) in [
            ("say why, for those who read the audit later", "Say why, for those who read the audit later."),
            ("a whole number from 1", "A whole number from 1."),
            ("did you mean \"9\"?", "Did you mean \"9\"?"),
            ("kms.example.com does not answer", "kms.example.com does not answer."),
            ("renewal-interval can be from 1h to 30d", "renewal-interval can be from 1h to 30d."),
            ("192.0.2.53 refuses", "192.0.2.53 refuses."),
            ("run `keymuster rearm`", "Run <code>keymuster rearm</code>."),
            ("`keymuster rearm` helps", "<code>keymuster rearm</code> helps."),
            ("Ärger", "Ärger."),
            ("<b>", "&#60;b&#62;."),
            ("", ""),
        ] {
            assert_eq!(sentence(message).to_string(), expected.replace('"', "&#34;"), "{message}");
        }
    }

    #[test]
    fn times_are_told_to_the_minute() {
        assert_eq!(minutes(&Timestamp::from_secs(1_800_000_059)), "2027-01-15 08:00 UTC");
    }
}
