//! A list of machines and their products: CSV with a header line, read whole or not at all.

use std::collections::HashMap;
use std::fmt;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{KmsHost, is_name};
use crate::keys::{self, SetupKey};

/// More machines than any run would reach.
pub const ROWS_MAX: usize = 100_000;

/// How many faults are told; who has more has them all for the same reason.
const FAULTS_MAX: usize = 50;

/// Names that Windows does not take for files.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// One machine, and what is on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// What is on it: Windows, Office, or both.
    pub products: Vec<&'static SetupKey>,
    /// The host that it is to ask; without one DNS says.
    pub host: Option<KmsHost>,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    line: u64,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads a list with the columns `machine`, `product` and, where some machines ask a host of their own, `host`.
///
/// Commas, semicolons and tabs separate columns, as spreadsheets have it; other columns are left alone.
/// A machine may stand in several rows, one for each product.
pub fn read(text: &str) -> Result<Vec<Machine>, Vec<Fault>> {
    let first = text.lines().next().unwrap_or_default();
    let separators = [b',', b';', b'\t'];
    let separator =
        separators.into_iter().max_by_key(|c| first.bytes().filter(|byte| byte == c).count()).unwrap_or(b',');
    let mut reader =
        ReaderBuilder::new().delimiter(separator).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut reading = Reading {
        machines: Vec::new(),
        places: HashMap::new(),
        short: HashMap::new(),
        products: HashMap::new(),
        faults: Vec::new(),
    };
    let head = reader.headers().cloned().unwrap_or_default();
    let column = |name: &str| head.iter().position(|field| field.eq_ignore_ascii_case(name));
    let (Some(machine), Some(product)) = (column("machine"), column("product")) else {
        return Err(vec![Fault {
            line: 1,
            message: "the first line must name the columns machine and product".to_owned(),
        }]);
    };
    let columns = Columns { machine, product, host: column("host") };
    for record in reader.records() {
        // The text is UTF-8 and rows of any length are allowed, so that only the end ends it.
        let Ok(record) = record else { break };
        let line = record.position().map_or(0, csv::Position::line);
        if let Err(message) = reading.row(&columns, &record) {
            reading.faults.push(Fault { line, message });
        }
        if reading.faults.len() >= FAULTS_MAX {
            break;
        }
    }
    if reading.machines.is_empty() && reading.faults.is_empty() {
        reading.faults.push(Fault { line: 1, message: "no machine follows the first line".to_owned() });
    }
    if reading.faults.is_empty() { Ok(reading.machines) } else { Err(reading.faults) }
}

struct Columns {
    machine: usize,
    product: usize,
    host: Option<usize>,
}

struct Reading {
    machines: Vec<Machine>,
    /// Where a machine stands, by its name in lower case.
    places: HashMap<String, usize>,
    /// The name of a machine by its first label, which is all that it knows of itself.
    short: HashMap<String, String>,
    /// What a text of the column product means: many machines have the same.
    products: HashMap<String, Result<&'static SetupKey, String>>,
    faults: Vec<Fault>,
}

impl Reading {
    fn row(&mut self, columns: &Columns, record: &StringRecord) -> Result<(), String> {
        let field = |place: usize| record.get(place).unwrap_or_default();
        let name = machine(field(columns.machine))?;
        let text = field(columns.product);
        let product = match self.products.get(text) {
            Some(known) => known.clone()?,
            None => self.products.entry(text.to_owned()).or_insert_with(|| product(text)).clone()?,
        };
        let host = columns.host.map(field).filter(|host| !host.is_empty()).map(str::parse::<KmsHost>).transpose()?;
        let place = match self.places.get(&name.to_ascii_lowercase()) {
            Some(place) => *place,
            None => self.add(name)?,
        };
        let Some(known) = self.machines.get_mut(place) else { return Ok(()) };
        if known.products.contains(&product) {
            return Err(format!("{name} with {} stands here twice", product.name()));
        }
        if !product.is_office() && known.products.iter().any(|other| !other.is_office()) {
            return Err(format!("{name} has another Windows in an earlier line"));
        }
        if known.host.is_some() && host.is_some() && known.host != host {
            return Err(format!("{name} has another host in an earlier line"));
        }
        known.products.push(product);
        known.host = host.or(known.host.take());
        Ok(())
    }

    fn add(&mut self, name: &str) -> Result<usize, String> {
        if self.machines.len() >= ROWS_MAX {
            return Err(format!("a list has at most {ROWS_MAX} machines"));
        }
        let label = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(other) = self.short.insert(label, name.to_owned()) {
            return Err(format!("{name} and {other} have the same first name, by which a script tells machines apart"));
        }
        self.machines.push(Machine { name: name.to_owned(), products: Vec::new(), host: None });
        self.places.insert(name.to_ascii_lowercase(), self.machines.len() - 1);
        Ok(self.machines.len() - 1)
    }
}

fn machine(text: &str) -> Result<&str, String> {
    let label = text.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let is_port = ["COM", "LPT"].iter().any(|port| label.strip_prefix(port).is_some_and(|rest| rest.len() == 1));
    match is_name(text) && !DEVICES.contains(&label.as_str()) && !is_port {
        true => Ok(text),
        false if text.is_empty() => Err("machine is empty".to_owned()),
        false => Err(format!("machine {:?} is not a name of letters, digits, dots and hyphens", shortened(text))),
    }
}

fn product(text: &str) -> Result<&'static SetupKey, String> {
    keys::pick(text).map_err(|equal| match equal.as_slice() {
        [] => format!(
            "there is no setup key for {:?}; like it: {}",
            shortened(text),
            keys::suggestions(&shortened(text)).join(", ")
        ),
        several => {
            let names: Vec<String> = several.iter().take(4).map(|key| key.name()).collect();
            format!("product {:?} may be {}", shortened(text), names.join(", "))
        }
    })
}

/// No fault repeats a field that is longer than any name.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_of_spreadsheets() {
        for text in [
            "machine,product\npc-1,windows 10 pro\nsrv.example,Windows Server 2022 Datacenter\n",
            "Machine;Product;Note\r\npc-1;windows 10 pro;x\r\nsrv.example;Windows Server 2022 Datacenter;y\r\n",
            "product\tmachine\nwindows 10 pro\tpc-1\nserver 2022 datacenter\tsrv.example",
        ] {
            let machines = read(text).unwrap();
            let names: Vec<String> = machines
                .iter()
                .map(|machine| format!("{} {}", machine.name, machine.products[0].last_five()))
                .collect();
            assert_eq!(names, ["pc-1 T83GX", "srv.example 6VM33"], "{text}");
        }
        let text = "machine,product,host\npc-1,windows 10 pro,\nPC-1,office standard 2019,kms:1700\n";
        let machines = read(text).unwrap();
        assert_eq!(machines.len(), 1);
        assert_eq!(machines[0].products.len(), 2);
        assert_eq!(machines[0].host.as_ref().unwrap().to_string(), "kms:1700");
    }

    #[test]
    fn faults_have_their_line() {
        let table = [
            ("", "line 1: the first line must name"),
            ("machine,product\n", "line 1: no machine"),
            ("machine,product\n,windows 10 pro\n", "line 2: machine is empty"),
            ("machine,product\n../x,windows 10 pro\n", "line 2: machine \"../x\" is not"),
            ("machine,product\nnul,windows 10 pro\n", "line 2: machine \"nul\" is not"),
            ("machine,product\na\"&calc,windows 10 pro\n", "line 2: machine"),
            ("machine,product\na,windows 10 pro\na,windows 10 pro\n", "line 3: a with"),
            ("machine,product\na,windows 10 pro\na,windows 7 enterprise\n", "line 3: a has another Windows"),
            ("machine,product\na,windows\n", "line 2: product \"windows\" may be"),
            ("machine,product\na,os/2\n", "line 2: there is no setup key"),
            ("machine,product\na.x,windows 10 pro\na.y,windows 10 pro\n", "line 3: a.y and a.x"),
            ("machine,product,host\na,windows 10 pro,::1\n", "line 2: \"::1\" is an IPv6"),
        ];
        for (text, expected) in table {
            let faults = read(text).unwrap_err();
            assert!(faults.iter().any(|fault| fault.to_string().starts_with(expected)), "{text:?}: {faults:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_names_are_plain(rows in "(?s)\\PC{0,80}") {
            if let Ok(machines) = read(&format!("machine,product\n{rows}")) {
                prop_assert!(machines.iter().all(|machine| is_name(&machine.name)));
            }
        }
    }
}
