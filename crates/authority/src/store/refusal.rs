//! The newest refusals of each customer, one row for all of the same kind (`docs/spec/authority-records.md`, 1).

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, all, first, integer, tally, time, write};

/// Rows of one customer; a support desk looks at the newest few.
const ROWS_MAX: u32 = 200;

/// A refusal as it happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Whose key it was about; empty where that is unknown.
    pub customer: String,
    /// The id of the key; empty where none could be read.
    pub key: String,
    /// What asked: `host` or `client`.
    pub kind: &'static str,
    /// The id of the host or client that asked.
    pub subject: String,
    /// Its name, where it told one.
    pub name: Option<String>,
    /// The name of the code.
    pub code: &'static str,
    /// The sentence with the numbers.
    pub detail: String,
}

/// All refusals of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Rises with every refusal.
    pub sequence: u64,
    /// Whose key it was about; empty where that is unknown.
    pub customer: String,
    /// The id of the key; empty where none could be read.
    pub key: String,
    /// What asked: `host` or `client`.
    pub kind: String,
    /// The id of the host or client that asked.
    pub subject: String,
    /// Its name, where it told one.
    pub name: Option<String>,
    /// From where it asked last.
    pub actor: String,
    /// The name of the code.
    pub code: String,
    /// The sentence of the last time.
    pub detail: String,
    /// The first time.
    pub first_at: Timestamp,
    /// The last time.
    pub last_at: Timestamp,
    /// How often.
    pub times: u64,
}

/// Which refusals are listed.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// All.
    Everybody,
    /// Those of one customer.
    Customer(&'a str),
    /// Those of one host or client.
    Subject(&'a str),
}

/// Writes a refusal, and forgets the oldest of the customer's where there are too many.
pub fn put(tx: &Transaction<'_>, refused: &Refused, actor: &str, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO refusal (customer, product_key, subject, code, kind, name, actor, detail, first_at, last_at, \
               times, sequence) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1, COALESCE(MAX(sequence), 0) + 1 \
               FROM refusal WHERE TRUE ON CONFLICT (customer, product_key, subject, code) DO UPDATE SET \
               name = excluded.name, actor = excluded.actor, detail = excluded.detail, last_at = excluded.last_at, \
               times = refusal.times + 1, sequence = excluded.sequence";
    let Refused { customer, key, kind, subject, name, code, detail } = refused;
    write(tx, sql, params![customer, key, subject, code, kind, name, actor, detail, time(now)])?;
    let sql = "DELETE FROM refusal WHERE customer = $1 AND sequence <= \
               (SELECT sequence FROM refusal WHERE customer = $1 ORDER BY sequence DESC LIMIT 1 OFFSET $2)";
    write(tx, sql, params![customer, ROWS_MAX])?;
    tally::add(tx, tally::Kind::Refusal, 1, now)
}

/// The newest, at most `limit`, older than the one with number `before`.
pub fn newest(tx: &Transaction<'_>, of: Of<'_>, before: Option<u64>, limit: u32) -> Result<Vec<Kept>, Failure> {
    let (condition, value) = match of {
        Of::Everybody => ("$1 = ''", ""),
        Of::Customer(customer) => ("customer = $1", customer),
        Of::Subject(subject) => ("subject = $1", subject),
    };
    let sql = format!(
        "SELECT sequence, customer, product_key, kind, subject, name, actor, code, detail, first_at, last_at, times \
         FROM refusal WHERE {condition} AND sequence < $2 ORDER BY sequence DESC LIMIT $3"
    );
    all(tx, &sql, params![value, before.map_or(i64::MAX, integer), limit], read)
}

/// How many refusals were met since a time, by code, the most frequent first.
pub fn by_code(tx: &Transaction<'_>, since: Timestamp) -> Result<Vec<(String, u64)>, Failure> {
    let sql = "SELECT code, COUNT(sequence) AS machines FROM refusal WHERE last_at >= $1 GROUP BY code \
               ORDER BY machines DESC, code LIMIT 10";
    all(tx, sql, [time(since)], |row| {
        let columns = Columns::of("refusal", "code", row);
        Ok((columns.text("code")?, columns.number("machines")?))
    })
}

/// The one with this number.
pub fn find(tx: &Transaction<'_>, sequence: u64) -> Result<Option<Kept>, Failure> {
    let sql = "SELECT sequence, customer, product_key, kind, subject, name, actor, code, detail, first_at, last_at, times \
               FROM refusal WHERE sequence = $1";
    first(tx, sql, [integer(sequence)], read)
}

fn read(row: &Row<'_>) -> Result<Kept, Failure> {
    let columns = Columns::of("refusal", "sequence", row);
    Ok(Kept {
        sequence: columns.number("sequence")?,
        customer: columns.text("customer")?,
        key: columns.text("product_key")?,
        kind: columns.text("kind")?,
        subject: columns.text("subject")?,
        name: columns.text_if_any("name")?,
        actor: columns.text("actor")?,
        code: columns.text("code")?,
        detail: columns.text("detail")?,
        first_at: columns.time("first_at")?,
        last_at: columns.time("last_at")?,
        times: columns.number("times")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    fn refused(customer: &str, subject: u32) -> Refused {
        Refused {
            customer: customer.to_owned(),
            key: String::new(),
            kind: "host",
            subject: subject.to_string(),
            name: None,
            code: "key-unknown",
            detail: format!("host {subject}"),
        }
    }

    #[test]
    fn the_newest_of_each_customer_stay_and_repeats_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut db = store::open(&directory.path().join("authority.db")).unwrap();
        let tx = store::begin(&mut db).unwrap();
        let at = |secs: u64| Timestamp::from_secs(1_800_000_000 + secs);
        put(&tx, &refused("contoso", 1), "network 192.0.2.1", at(0)).unwrap();
        for subject in 0..ROWS_MAX + 50 {
            put(&tx, &refused("", subject), "network 192.0.2.9", at(1)).unwrap();
        }
        put(&tx, &refused("", 100), "network 192.0.2.9", at(2)).unwrap();
        let unknown = newest(&tx, Of::Customer(""), None, 1000).unwrap();
        assert_eq!(unknown.len(), ROWS_MAX as usize);
        assert_eq!((unknown[0].subject.as_str(), unknown[0].times, unknown[0].first_at), ("100", 2, at(1)));
        assert!(unknown.iter().all(|kept| kept.subject != "49"), "the oldest went first");
        assert_eq!(
            newest(&tx, Of::Customer("contoso"), None, 9).unwrap().len(),
            1,
            "nobody is pushed out by strangers"
        );
        assert_eq!(newest(&tx, Of::Subject("1"), None, 9).unwrap()[0].customer, "contoso");
        let second = newest(&tx, Of::Everybody, Some(unknown[0].sequence), 1).unwrap();
        assert_eq!(second[0].sequence, unknown[1].sequence);
        assert_eq!(by_code(&tx, at(1)).unwrap(), [("key-unknown".to_owned(), u64::from(ROWS_MAX))]);
        let days = tally::days(&tx, at(0), 1).unwrap();
        assert_eq!(days[0].refusals, u64::from(ROWS_MAX) + 52);
    }
}
