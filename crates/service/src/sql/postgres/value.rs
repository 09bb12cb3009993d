//! Values between rusqlite's types, which the whole program uses, and those of PostgreSQL.

use std::error::Error as StdError;

use bytes::BytesMut;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql::{Error, Result};

type Failed = Box<dyn StdError + Sync + Send>;

/// A parameter.
#[derive(Debug)]
pub(in crate::sql) struct Bound(Value);

impl Bound {
    pub fn of(value: &dyn rusqlite::types::ToSql) -> Result<Bound> {
        match value.to_sql()? {
            ToSqlOutput::Borrowed(value) => Ok(Bound(value.try_into()?)),
            ToSqlOutput::Owned(value) => Ok(Bound(value)),
            _ => Err(Error::Unstorable),
        }
    }

    pub fn postgres_type(&self) -> Type {
        match self.0 {
            Value::Null => Type::UNKNOWN,
            Value::Integer(_) => Type::INT8,
            Value::Real(_) => Type::FLOAT8,
            Value::Text(_) => Type::TEXT,
            Value::Blob(_) => Type::BYTEA,
        }
    }
}

impl ToSql for Bound {
    fn to_sql(&self, to: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Failed> {
        match (&self.0, to) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Integer(number), &Type::INT8) => number.to_sql(to, out),
            (Value::Integer(number), &Type::INT4) => i32::try_from(*number)?.to_sql(to, out),
            (Value::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::UNKNOWN) => text.to_sql(&Type::TEXT, out),
            (value, to) => Err(format!("{:?} is no value of {to}", value.data_type()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value of a row.
#[derive(Debug)]
pub(in crate::sql) struct Cell<'r>(pub ValueRef<'r>);

impl<'r> FromSql<'r> for Cell<'r> {
    fn from_sql(of: &Type, raw: &'r [u8]) -> std::result::Result<Cell<'r>, Failed> {
        Ok(Cell(match *of {
            Type::INT8 => ValueRef::Integer(i64::from_sql(of, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(of, raw)?.into()),
            Type::BOOL => ValueRef::Integer(bool::from_sql(of, raw)?.into()),
            Type::NUMERIC => ValueRef::Integer(whole(raw).ok_or("a sum that is no integer of 64 bits")?),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => ValueRef::Text(raw),
            Type::BYTEA => ValueRef::Blob(raw),
            ref other => return Err(format!("a column of type {other} is not read here").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Cell<'r>, Failed> {
        Ok(Cell(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The sum of integers has PostgreSQL's decimal type: digits of base 10000, the first one with its weight.
fn whole(raw: &[u8]) -> Option<i64> {
    let words: Vec<i16> = raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _scale, digits @ ..] = &words[..] else { return None };
    if digits.len() != usize::try_from(*count).ok()? || !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let mut number: i128 = 0;
    for place in 0..=i32::from(*weight).max(-1) {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
        number = number.checked_mul(10_000)?.checked_add(i128::from(digit))?;
    }
    let is_whole = i32::from(*count) <= i32::from(*weight) + 1;
    let signed = if *sign == 0 { number } else { -number };
    is_whole.then(|| i64::try_from(signed).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read() {
        let raw = |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        for (words, expected) in [
            (&[0, 0, 0, 0][..], Some(0)),
            (&[1, 0, 0, 0, 7], Some(7)),
            (&[2, 1, 0, 0, 3, 4567], Some(34_567)),
            (&[1, 1, 0, 0, 2], Some(20_000)),
            (&[1, 0, 0x4000, 0, 9], Some(-9)),
            (&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807], Some(i64::MAX)),
            (&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808], None),
            (&[2, 0, 0, 1, 7, 5000], None),
            (&[2, 0, 0, 0, 7], None),
            (&[], None),
        ] {
            assert_eq!(whole(&raw(words)), expected, "{words:?}");
        }
    }
}
