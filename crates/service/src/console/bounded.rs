//! Limits on what requests carry, for `#[serde(deserialize_with = "…")]`: the ones that the description names are kept.

use std::fmt::Display;

use serde::de::{Deserialize, Deserializer, Error as _};

/// The largest number that a description's `int64` can be, and a database's `BIGINT`.
pub const LARGEST: u64 = i64::MAX.cast_unsigned();

/// A text of at most `MAX` characters.
pub fn text<'de, const MAX: usize, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let length = text.chars().count();
    if length > MAX {
        return Err(D::Error::custom(format_args!("it has {length} characters, {MAX} are allowed")));
    }
    Ok(text)
}

/// A number from `MIN` to `MAX`, where there is one.
pub fn number<'de, const MIN: u64, const MAX: u64, N, D>(from: D) -> Result<Option<N>, D::Error>
where
    N: Deserialize<'de> + Copy + Display + TryInto<u64>,
    D: Deserializer<'de>,
{
    let number = Option::<N>::deserialize(from)?;
    let is_within = |number: N| number.try_into().is_ok_and(|number| (MIN..=MAX).contains(&number));
    match number.filter(|number| !is_within(*number)) {
        Some(number) => Err(D::Error::custom(format_args!("{number} is not from {MIN} to {MAX}"))),
        None => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{from_value, json};

    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Query {
        #[serde(deserialize_with = "super::text::<3, _>")]
        words: String,
        #[serde(deserialize_with = "super::number::<1, 50, _, _>")]
        limit: Option<u32>,
    }

    #[test]
    fn limits_are_kept() {
        let table = [
            (json!({}), Ok(("", None))),
            (json!({ "words": "äöü", "limit": 50 }), Ok(("äöü", Some(50)))),
            (json!({ "words": "four" }), Err("it has 4 characters, 3 are allowed")),
            (json!({ "limit": 0 }), Err("0 is not from 1 to 50")),
            (json!({ "limit": 51 }), Err("51 is not from 1 to 50")),
        ];
        for (given, expected) in table {
            let query: Result<Query, _> = from_value(given.clone());
            let query = query.map(|query| (query.words, query.limit)).map_err(|error| error.to_string());
            let expected = expected.map(|(words, limit)| (words.to_owned(), limit)).map_err(str::to_owned);
            assert_eq!(query, expected, "{given}");
        }
    }
}
