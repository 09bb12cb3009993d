//! How lines for people are laid out, so that they fit into a terminal.

/// The longest line.
pub const WIDTH: usize = 100;

/// A heading and what it heads, with commas between, in lines that fit; those after the first are indented two deeper than
/// the heading. Ends with a line break.
pub fn list<T: AsRef<str>>(heading: &str, items: impl IntoIterator<Item = T>) -> String {
    let indent = heading.len() - heading.trim_start().len() + 2;
    let mut text = heading.to_owned();
    let mut column = heading.chars().count();
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        let comma = if items.peek().is_some() { "," } else { "" };
        let words = format!("{}{comma}", item.as_ref());
        let length = words.chars().count();
        if column + 1 + length > WIDTH && column > indent {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(&words);
        column += length;
    }
    text + "\n"
}

/// Breaks the lines that do not fit, between words; what follows is indented two deeper than its line.
pub fn fit(text: &str) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.lines() {
        let indent = " ".repeat(line.len() - line.trim_start().len() + 2);
        let mut rest = line.to_owned();
        while let Some(end) = break_of(&rest, indent.len()) {
            let (head, tail) = rest.split_at(end);
            fitted.push_str(head.trim_end());
            fitted.push('\n');
            rest = format!("{indent}{}", tail.trim_start());
        }
        fitted.push_str(&rest);
        fitted.push('\n');
    }
    fitted
}

/// Where a line that is too long is broken: at its last blank that fits, or else at the first one.
fn break_of(line: &str, indent: usize) -> Option<usize> {
    line.char_indices().nth(WIDTH)?;
    let blanks = || line.char_indices().enumerate().filter(|(column, (_, c))| *c == ' ' && *column > indent);
    let last = blanks().take_while(|(column, _)| *column <= WIDTH).last();
    last.or_else(|| blanks().next()).map(|(_, (at, _))| at)
}

/// `1 client`, `2 clients`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let words = "word ".repeat(30);
        let path = "x".repeat(120);
        let text = fit(&format!("short\n\n    key: {words}\ndirectory: {path} and more\n"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(&lines[..2], ["short", ""]);
        assert!(lines[2].starts_with("    key: word") && lines[3].starts_with("      word"), "{text}");
        assert_eq!(lines[2].len(), 98, "as much as fits: {text}");
        assert_eq!(text.matches("word").count(), 30);
        assert_eq!(&lines[4..], ["directory:", &format!("  {path}"), "  and more"]);
    }

    #[test]
    fn a_list_is_broken_between_its_items() {
        let items = vec!["Aurora Server A 2026"; 6];
        let text = list("  covers:", &items);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("  covers: Aurora") && lines[0].ends_with(','), "{text}");
        assert!(lines[1].starts_with("    Aurora") && lines[1].ends_with("2026"), "{text}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{text}");
        assert_eq!(text.matches("2026").count(), items.len());
        assert_eq!(list("none:", [""; 0]), "none:\n");
    }
}
