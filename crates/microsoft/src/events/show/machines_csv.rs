//! The list of machines as CSV, for a spreadsheet.

use csv::Writer;

use crate::events::report::Report;

/// Every machine, a row each. A cell that a spreadsheet would take for a formula begins with an apostrophe.
pub fn machines_csv(report: &Report) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let heads = [
        "machine",
        "cmid",
        "product",
        "activation_id",
        "virtual",
        "host",
        "first",
        "activated",
        "renewed",
        "requests",
        "refused",
        "last_code",
        "standing",
        "ends",
    ];
    // Writing to memory does not fail.
    let _ = writer.write_record(heads);
    for machine in &report.machines {
        let (name, id) = report.product(machine).map_or(("", ""), |product| (&product.name, &product.activation_id));
        let when = |moment: Option<crate::events::Moment>| moment.map_or_else(String::new, |moment| moment.to_string());
        let _ = writer.write_record([
            safe(&machine.name),
            machine.cmid.clone(),
            safe(name),
            id.to_owned(),
            if machine.is_virtual { "yes" } else { "no" }.to_owned(),
            safe(&machine.host),
            machine.first.to_string(),
            when(machine.activated),
            when(machine.renewed),
            machine.requests.to_string(),
            machine.failed.to_string(),
            format!("0x{:08X}", machine.code),
            machine.standing.name().to_owned(),
            machine.until.to_string(),
        ]);
    }
    String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
}

fn safe(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}
