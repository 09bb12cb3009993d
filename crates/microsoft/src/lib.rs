//! What an administrator of a Microsoft volume activation estate can know without asking it anything.
//!
//! This crate reads and explains: public setup keys, codes, pasted output, event logs, records in DNS, and plans.
//! It never sends or answers an activation request, and holds no secret of Microsoft's.
//!
//! ```
//! let key = keymuster_microsoft::keys::search("windows 10 pro")[0];
//! assert_eq!((key.edition, key.last_five()), ("Pro", "T83GX"));
//! ```
#![warn(missing_docs)]

mod table;
pub mod text;

pub mod codes;
pub mod convert;
pub mod explain;
pub mod keys;
pub mod notebook;
pub mod plan;
pub mod status;

pub mod dns;
pub mod events;
