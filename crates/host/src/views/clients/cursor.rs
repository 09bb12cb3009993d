//! Cursors: a place in a list, opaque to whoever carries it. It is checked as it comes back, and can name no place that a
//! query could not name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::client::list::{Direction, Key, Order, Place};

/// Bytes of a cursor; names are shorter than 129.
const LENGTH_MAX: usize = 400;

/// The cursor of a place.
pub(super) fn write(place: &Place, order: Order, direction: Direction) -> String {
    let key = match &place.key {
        Key::Number(number) => number.to_string(),
        Key::Text(text) => text.clone(),
    };
    URL_SAFE_NO_PAD.encode(format!("{}\n{}\n{key}", list(order, direction), place.number))
}

/// The place of a cursor, if it is one of this list.
pub(super) fn read(cursor: &str, order: Order, direction: Direction) -> Option<Place> {
    if cursor.len() > LENGTH_MAX {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let mut parts = text.splitn(3, '\n');
    if parts.next()? != list(order, direction) {
        return None;
    }
    let (number, key) = (parts.next()?.parse().ok()?, parts.next()?);
    let key = if order == Order::Name { Key::Text(key.to_owned()) } else { Key::Number(key.parse().ok()?) };
    Some(Place { key, number })
}

/// The list that a place belongs to.
fn list(order: Order, direction: Direction) -> String {
    format!("{order:?} {direction:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_to_its_own_list_alone() {
        let key = Key::Text("pc-1\nx".to_owned());
        let (named, ending) = (Place { key, number: 3 }, Place { key: Key::Number(-5), number: 7 });
        for (order, place) in [(Order::Name, named), (Order::LeaseEnd, ending)] {
            let cursor = write(&place, order, Direction::Down);
            assert_eq!(read(&cursor, order, Direction::Down), Some(place));
            assert_eq!(read(&cursor, order, Direction::Up), None);
            assert_eq!(read(&cursor, Order::FirstAsked, Direction::Down), None);
            assert_eq!(read(&cursor[1..], order, Direction::Down), None);
        }
        for cursor in ["", "!", "AAAA", &"A".repeat(LENGTH_MAX + 4)] {
            assert_eq!(read(cursor, Order::Name, Direction::Up), None, "{cursor:?}");
        }
    }
}
