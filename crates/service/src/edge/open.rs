//! How many connections are open at this moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts connections; clones count together.
#[derive(Clone, Default, Debug)]
pub struct Open {
    connections: Arc<AtomicUsize>,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Entered {
    open: Open,
}

impl Open {
    /// How many there are.
    pub fn connections(&self) -> usize {
        // Nothing else is read by this number.
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self) -> Entered {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Entered { open: self.clone() }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.open.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together() {
        let open = Open::default();
        let first = open.enter();
        let second = open.clone().enter();
        assert_eq!(open.connections(), 2);
        drop(first);
        assert_eq!(open.connections(), 1);
        drop(second);
        assert_eq!(open.connections(), 0);
    }
}
