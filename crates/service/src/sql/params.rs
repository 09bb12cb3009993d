//! The parameters of a statement, in their order.

use rusqlite::types::ToSql;

use super::Result;

/// Parameters: `params![a, b]`, an array of values of one type, `[]`, or [`params_from_iter`].
pub trait Params {
    /// Hands each of them to `bind`, with its number from 1, and returns how many there are.
    fn each(self, bind: impl FnMut(usize, &dyn ToSql) -> Result<()>) -> Result<usize>;
}

/// Parameters from an iterator.
#[derive(Clone, Debug)]
pub struct FromIter<I>(I);

/// As many parameters as `values` has.
pub fn params_from_iter<I: IntoIterator<Item: ToSql>>(values: I) -> FromIter<I> {
    FromIter(values)
}

impl<I: IntoIterator<Item: ToSql>> Params for FromIter<I> {
    fn each(self, mut bind: impl FnMut(usize, &dyn ToSql) -> Result<()>) -> Result<usize> {
        let mut count = 0;
        for value in self.0 {
            count += 1;
            bind(count, &value)?;
        }
        Ok(count)
    }
}

impl Params for &[&dyn ToSql] {
    fn each(self, mut bind: impl FnMut(usize, &dyn ToSql) -> Result<()>) -> Result<usize> {
        for (index, value) in self.iter().enumerate() {
            bind(index + 1, value)?;
        }
        Ok(self.len())
    }
}

/// Of a type of its own, so that `[]` needs no other.
impl Params for [&(dyn ToSql + Send + Sync); 0] {
    fn each(self, _: impl FnMut(usize, &dyn ToSql) -> Result<()>) -> Result<usize> {
        Ok(0)
    }
}

macro_rules! params_of_array {
    ($($count:literal)+) => {$(
        impl<T: ToSql> Params for [T; $count] {
            fn each(self, bind: impl FnMut(usize, &dyn ToSql) -> Result<()>) -> Result<usize> {
                FromIter(self).each(bind)
            }
        }
    )+};
}

params_of_array!(1 2 3 4 5 6);
