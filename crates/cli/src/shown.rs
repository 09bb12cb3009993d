//! Something to be shown, once: as indented lines for people and as JSON for machines.

use std::fmt::Write as _;

use keymuster_core::time::duration_words;
use serde_json::{Map, Value};

/// A value, or values with names in the order in which people want them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    Text(String),
    Number(u64),
    /// A length of time in seconds.
    Secs(u64),
    List(Vec<Shown>),
    Fields(Fields),
}

/// Named values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(Vec<(&'static str, Shown)>);

impl Fields {
    pub fn new() -> Fields {
        Fields::default()
    }

    pub fn text(mut self, name: &'static str, value: impl ToString) -> Fields {
        self.0.push((name, Shown::Text(value.to_string())));
        self
    }

    pub fn number(mut self, name: &'static str, value: impl Into<u64>) -> Fields {
        self.0.push((name, Shown::Number(value.into())));
        self
    }

    pub fn secs(mut self, name: &'static str, value: u64) -> Fields {
        self.0.push((name, Shown::Secs(value)));
        self
    }

    /// A text that may be absent, and is not shown then.
    pub fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Fields {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub fn fields(mut self, name: &'static str, fields: Fields) -> Fields {
        self.0.push((name, Shown::Fields(fields)));
        self
    }

    /// A list of texts; an empty one is not shown.
    pub fn texts<T: ToString>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Fields {
        self.list(name, values.into_iter().map(|value| Shown::Text(value.to_string())))
    }

    /// A list of things with fields; an empty one is not shown.
    pub fn each(self, name: &'static str, values: impl IntoIterator<Item = Fields>) -> Fields {
        self.list(name, values.into_iter().map(Shown::Fields))
    }

    fn list(mut self, name: &'static str, values: impl Iterator<Item = Shown>) -> Fields {
        let values: Vec<Shown> = values.collect();
        if !values.is_empty() {
            self.0.push((name, Shown::List(values)));
        }
        self
    }

    /// For machines.
    pub fn json(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, shown)| ((*name).to_owned(), shown.json())).collect::<Map<_, _>>())
    }

    /// For people, each line indented by so many blanks.
    pub fn lines(&self, indent: usize) -> String {
        let mut text = String::new();
        let lines = self.0.iter().filter(|(_, shown)| shown.line().is_some());
        let width = lines.map(|(name, _)| for_people(name).len()).max();
        for (name, shown) in &self.0 {
            let name = for_people(name);
            match shown.line() {
                Some(line) => {
                    let width = width.unwrap_or_default();
                    let _ = writeln!(text, "{:indent$}{name:width$}  {line}", "");
                }
                None => {
                    let _ = write!(text, "{:indent$}{name}\n{}", "", shown.block(indent + 2));
                }
            }
        }
        text
    }
}

/// A name without the unit that its value shows anyway.
fn for_people(name: &str) -> String {
    name.replace("_secs", "").replace('_', " ")
}

impl Shown {
    fn json(&self) -> Value {
        match self {
            Shown::Text(text) => Value::from(text.as_str()),
            Shown::Number(number) | Shown::Secs(number) => Value::from(*number),
            Shown::List(values) => values.iter().map(Shown::json).collect(),
            Shown::Fields(fields) => fields.json(),
        }
    }

    /// What fits on the line of its name.
    fn line(&self) -> Option<String> {
        match self {
            Shown::Text(text) => Some(text.clone()),
            Shown::Number(number) => Some(number.to_string()),
            Shown::Secs(secs) => Some(duration_words(*secs)),
            Shown::List(values) => {
                let short = values.iter().map(|value| match value {
                    Shown::Text(text) if !text.contains(' ') => Some(text.as_str()),
                    _ => None,
                });
                short.collect::<Option<Vec<_>>>().map(|texts| texts.join(", "))
            }
            Shown::Fields(_) => None,
        }
    }

    /// What needs lines of its own.
    fn block(&self, indent: usize) -> String {
        match self {
            Shown::List(values) => values.iter().map(|value| value.item(indent)).collect(),
            Shown::Fields(fields) => fields.lines(indent),
            other => other.item(indent),
        }
    }

    /// An item of a list: its first line has a dash.
    fn item(&self, indent: usize) -> String {
        let text = match self.line() {
            Some(line) => format!("{:1$}{line}\n", "", indent + 2),
            None => self.block(indent + 2),
        };
        let rest = text.get(indent + 2..).unwrap_or_default();
        format!("{:indent$}- {rest}", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_machines_see_the_same() {
        let fields = Fields::new()
            .text("name", "Desk")
            .secs("grace_secs", 7200)
            .maybe("help", None::<&str>)
            .texts("features", ["a", "b"])
            .texts("tried", ["DNS x: no", "host y: no"])
            .each("pools", [Fields::new().text("id", "cad").number("seats", 3_u64)])
            .each("none", []);
        let expected = "\
name      Desk
grace     2 hours
features  a, b
tried
  - DNS x: no
  - host y: no
pools
  - id     cad
    seats  3
";
        assert_eq!(fields.lines(0), expected);
        let expected = r#"{"features":["a","b"],"grace_secs":7200,"name":"Desk","pools":[{"id":"cad","seats":3}],"tried":["DNS x: no","host y: no"]}"#;
        assert_eq!(fields.json(), serde_json::from_str::<Value>(expected).unwrap());
    }
}
