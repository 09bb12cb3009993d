//! The files of `data/`, which are part of the program: tables with a head, a source and a date in each row.

use csv::{ReaderBuilder, StringRecord};

/// All rows of a file, each with exactly `N` fields. The program keeps them for as long as it runs.
pub(crate) fn rows<const N: usize>(file: &'static str) -> Vec<[&'static str; N]> {
    let mut reader = ReaderBuilder::new().from_reader(file.as_bytes());
    let records: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().expect("a test reads every file");
    records.into_iter().map(row).collect()
}

/// Fields outlive their record: tables are read once.
fn row<const N: usize>(record: StringRecord) -> [&'static str; N] {
    assert_eq!(record.len(), N, "a test reads every file");
    let mut fields = record.iter();
    std::array::from_fn(|_| &*fields.next().unwrap_or_default().to_owned().leak())
}

/// The parts of a field that holds several.
pub(crate) fn several(field: &'static str) -> Vec<&'static str> {
    field.split('|').filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each file with its number of rows, so that none is lost by accident.
    const FILES: [(&str, &str, usize); 9] = [
        ("setup_keys", include_str!("../data/setup_keys.csv"), 138),
        ("notebook", include_str!("../data/notebook.csv"), 24),
        ("codes", include_str!("../data/codes.csv"), 60),
        ("names", include_str!("../data/names.csv"), 108),
        ("families", include_str!("../data/families.csv"), 12),
        ("products", include_str!("../data/products.csv"), 38),
        ("host_keys", include_str!("../data/host_keys.csv"), 16),
        ("systems", include_str!("../data/systems.csv"), 15),
        ("office_packs", include_str!("../data/office_packs.csv"), 6),
    ];

    #[test]
    fn every_row_has_a_source_and_a_date() {
        for (name, file, count) in FILES {
            let mut reader = ReaderBuilder::new().from_reader(file.as_bytes());
            let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
            assert_eq!(head.last().map(String::as_str), Some("date"), "{name}");
            assert_eq!(head.get(head.len() - 2).map(String::as_str), Some("source"), "{name}");
            let records: Vec<StringRecord> = reader.records().map(Result::unwrap).collect();
            assert_eq!(records.len(), count, "{name}");
            for record in &records {
                assert!(record.iter().all(|field| field == field.trim()), "{name}: {record:?}");
                assert!(record.get(0).is_some_and(|field| !field.is_empty()), "{name}: {record:?}");
                let [source, date] = [2, 1].map(|back| record.get(record.len() - back).unwrap());
                assert!(!source.is_empty(), "{name}: {record:?}");
                assert!(date == "undated" || is_date(date), "{name}: {record:?}");
            }
        }
    }

    fn is_date(text: &str) -> bool {
        let parts: Vec<Option<u32>> = text.split('-').map(|part| part.parse().ok()).collect();
        matches!(parts.as_slice(), [Some(2000..2100), Some(1..=12), Some(1..=31)]) && text.len() == 10
    }
}
