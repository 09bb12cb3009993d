//! Markup that is ready to stand in a page: what it holds has been escaped by the template that made it.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;

/// Finished HTML, which templates take over as it is.
///
/// Only a template makes one, so that text of others cannot become markup.
#[derive(Clone, Debug)]
pub struct Markup(String);

impl Markup {
    /// What the template makes.
    pub(super) fn of(template: &impl Template) -> Markup {
        Markup(template.render().expect("writing to a string cannot fail, and these templates call nothing that can"))
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "<b>{{ text }}</b>", ext = "html")]
    struct Inner<'a> {
        text: &'a str,
    }

    #[derive(Template)]
    #[template(source = "<p>{{ inner }}</p>", ext = "html")]
    struct Outer {
        inner: Markup,
    }

    #[test]
    fn text_is_escaped_once_and_markup_not_again() {
        let page = Outer { inner: Markup::of(&Inner { text: "<&>" }) };
        assert_eq!(page.to_string(), "<p><b>&#60;&#38;&#62;</b></p>");
    }
}
