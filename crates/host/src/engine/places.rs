//! Places in the queue: while there are plenty everybody gets one, and where they run short nobody holds many of them.
//!
//! A machine that floods the host, or a site behind one address, then waits for its own requests and not everybody for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Places of one address that are never refused to it while there are any.
const OWN: usize = super::QUEUE_MAX / 16;

/// Who holds places; clones share them.
#[derive(Clone, Default, Debug)]
pub(super) struct Places(Arc<Mutex<HashMap<Ipv6Addr, usize>>>);

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    holder: Ipv6Addr,
}

impl Places {
    /// A place for an address; none where they are short and it holds many.
    pub(super) fn take(&self, address: IpAddr, are_short: bool) -> Option<Place> {
        let holder = holder(address);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = held.entry(holder).or_default();
        if are_short && *number >= OWN {
            return None;
        }
        *number += 1;
        Some(Place { places: self.clone(), holder })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut number) = held.entry(self.holder) {
            *number.get_mut() -= 1;
            if *number.get() == 0 {
                number.remove();
            }
        }
    }
}

/// Who counts as one: an IPv4 address, or an IPv6 network of 64 bits, in which a machine may take any address.
fn holder(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_places_are_short_one_address_does_not_take_them_all() {
        let places = Places::default();
        let [one, mapped, other]: [IpAddr; 3] =
            ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"].map(|a| a.parse().unwrap());
        let mut held: Vec<_> = (0..OWN).map(|_| places.take(one, true).expect("its own")).collect();
        assert!(places.take(one, true).is_none() && places.take(mapped, true).is_none());
        assert!(places.take(other, true).is_some());
        held.push(places.take(one, false).expect("there are plenty"));
        held.truncate(OWN - 1);
        assert!(places.take(one, true).is_some(), "places that are given back can be had again");
        drop(held);
        assert!(places.0.lock().unwrap().is_empty(), "nobody is remembered who holds none");
    }

    #[test]
    fn a_network_of_64_bits_is_one_holder() {
        let [one, same, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"].map(|a| a.parse().unwrap());
        assert_eq!(holder(one), holder(same));
        assert_ne!(holder(one), holder(other));
    }
}
