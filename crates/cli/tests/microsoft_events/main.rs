//! `keymuster microsoft events` as administrators run it: files in, reports out.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod estate;
mod evtx_writer;
mod hostile;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use estate::{Asked, DAY, Logged, START, answered, as_csv, as_evtx, as_xml, processed, renewals, sent};
use serde_json::Value;

const HOSTS: [&str; 3] = ["kms1.corp.example", "kms2.corp.example", "kms3.corp.example"];
const DAYS: u32 = 70;
const END: u32 = START + DAYS * DAY;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keymuster"))
        .args(["microsoft", "events"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Fifty thousand machines that renew every week, each at one of two hosts; the third has few machines.
struct Estate {
    events: Vec<Logged>,
}

impl Estate {
    fn healthy(machines: u32) -> Estate {
        let mut estate = Estate { events: Vec::new() };
        for machine in 100..machines {
            let host = HOSTS[usize::try_from(machine % 2).unwrap()];
            estate.renew(host, machine, &format!("pc{machine}.corp.example"), END);
        }
        for machine in 1_000_000..1_000_060 {
            estate.renew(HOSTS[2], machine, &format!("lab{machine}.corp.example"), END);
        }
        estate
    }

    fn renew(&mut self, host: &str, machine: u32, name: &str, until: u32) {
        for at in renewals(machine, START, until) {
            self.events.push(processed(&Asked { host, at, code: "0x0", machine, name, status: 1, ahead: 0 }));
        }
    }

    /// Writes the log of each host in a form of its own, and those of clients in another.
    fn write(mut self, directory: &Path) {
        self.events.sort_by_key(|event| event.at);
        let of = |host: &str| -> Vec<Logged> {
            self.events.iter().filter(|event| event.computer == host).cloned().collect()
        };
        fs::write(directory.join("kms1.evtx"), as_evtx(&of(HOSTS[0]))).unwrap();
        let mut newest_first = of(HOSTS[1]);
        newest_first.reverse();
        fs::write(directory.join("kms2.xml"), as_xml(&newest_first)).unwrap();
        fs::write(directory.join("kms3.csv"), as_csv(&of(HOSTS[2]))).unwrap();
        let of_clients: Vec<Logged> =
            self.events.iter().filter(|event| !HOSTS.contains(&event.computer.as_str())).cloned().collect();
        if !of_clients.is_empty() {
            fs::write(directory.join("clients.evtx"), as_evtx(&of_clients)).unwrap();
        }
    }
}

fn faults(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["fault"].as_str().unwrap()).collect()
}

fn says<'a>(report: &'a Value, fault: &str) -> &'a str {
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["fault"] == fault);
    found.unwrap_or_else(|| panic!("no {fault}"))["says"].as_str().unwrap()
}

#[test]
fn every_planted_fault_is_in_the_report_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut estate = Estate::healthy(50_000);
    // Three machine ids that eight machines share each.
    for (id, copy) in (0..3).flat_map(|id| (0..8).map(move |copy| (id, copy))) {
        estate.renew(HOSTS[1], 2_000_000 + id, &format!("copy{id}{copy}.corp.example"), END - copy * 3600);
    }
    // Five machines whose clocks are five hours ahead, refused at each attempt of a day, then set right.
    for machine in 3_000_000..3_000_005 {
        let name = format!("late{machine}.corp.example");
        let failed = |at| {
            processed(&Asked {
                host: HOSTS[0],
                at,
                code: "0xC004F06C",
                machine,
                name: &name,
                status: 2,
                ahead: 5 * 3600,
            })
        };
        estate.events.extend((0..12).map(|attempt| failed(START + 20 * DAY + attempt * 7200)));
        estate.renew(HOSTS[0], machine, &name, END);
    }
    // The second host is not reached for a day and a half: its machines find the first, and two clients log it.
    let (from, until) = (START + 10 * DAY, START + 11 * DAY + DAY / 2);
    for event in &mut estate.events {
        if event.computer == HOSTS[1] && (from..until).contains(&event.at) {
            event.computer = HOSTS[0].to_owned();
        }
    }
    estate.events.push(sent("desk1.corp.example", HOSTS[1], from + 3600, "0x800706BA"));
    estate.events.push(sent("desk2.corp.example", HOSTS[1], from + 7200, "0x800706BA"));
    // The third host loses one machine after the other in the last five weeks; the last seven fall silent for good.
    estate.events.retain(|event| {
        let lost = |machine: u32| START + (DAYS - 35) * DAY + (machine - 1_000_000) * 18 * 3600;
        let machine = event.info.split("lab").nth(1).and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
        machine.is_none_or(|machine| machine >= 1_000_045 || event.at < lost(machine))
    });
    estate.write(directory.path());

    let output = run(directory.path(), &[".", "--json", "--html", "report.html", "--prometheus", "kms.prom"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json_of(&output);
    let expected = ["host-unreached", "host-silent", "running-out", "count-falling", "cloned", "clock"];
    let mut found = faults(&report);
    let mut wanted = expected.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{:#}", report["findings"]);

    assert_eq!(
        says(&report, "cloned"),
        "24 machines share 3 machine ids; each id counts once, so the count is 21 short"
    );
    let names = |fault: &str| {
        let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["fault"] == fault).unwrap();
        found["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("cloned"), (0..3).map(|id| estate::cmid(2_000_000 + id)).collect::<Vec<_>>());
    assert!(says(&report, "clock").starts_with("the clocks of 5 machines"), "{}", says(&report, "clock"));
    assert_eq!(report["errors"][0]["code"], "0xC004F06C");
    let ahead = report["errors"][0]["examples"][0]["clock_ahead_secs"].as_i64().unwrap();
    assert!((299 * 60..=300 * 60).contains(&ahead), "{ahead}");
    let silent = says(&report, "host-silent");
    assert!(silent.starts_with("kms2.corp.example got no requests from 2026-03-"), "{silent}");
    assert!(says(&report, "host-unreached").starts_with("2 machines could not reach kms2.corp.example:1688"));
    assert!(says(&report, "count-falling").starts_with("kms3.corp.example counts fewer machines"));
    assert!(names("running-out").iter().all(|name| name.starts_with("lab")), "{:?}", names("running-out"));
    assert!(names("running-out").len() > 10);
    assert_eq!(report["machines"].as_array().unwrap().len(), 49_900 + 60 + 24 + 5);

    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        let says = finding["says"].as_str().unwrap().replace('\'', "&#39;");
        assert!(!says.contains('`'), "commands stand in the remedy");
        assert!(page.contains(&says), "{says}");
    }
    for fetching in ["<script", "http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(fetching), "{fetching}: it needs nothing else");
    }
    assert!(page.contains("<svg"));
    let metrics = fs::read_to_string(directory.path().join("kms.prom")).unwrap();
    assert!(metrics.contains("keymuster_microsoft_cloned_ids 3\n"), "{metrics}");
    assert!(metrics.contains("keymuster_microsoft_errors{event=\"12290\",code=\"0xC004F06C\"} 60\n"), "{metrics}");
}

#[test]
fn an_estate_without_faults_has_a_report_without_findings() {
    let directory = tempfile::tempdir().unwrap();
    let mut estate = Estate::healthy(2_000);
    for at in renewals(7, START, END) {
        estate.events.push(sent("desk1.corp.example", HOSTS[0], at, "0x0"));
        estate.events.push(answered("desk1.corp.example", at + 1, 50));
    }
    estate.write(directory.path());
    let output = run(directory.path(), &["."]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("Nothing is wrong as far as these logs show."), "{text}");
    assert!(text.contains("1960 machines asked 3 hosts"), "{text}");
}

#[test]
fn an_event_counts_once_however_often_it_was_exported() {
    let directory = tempfile::tempdir().unwrap();
    let one = |at| processed(&Asked { host: HOSTS[0], at, code: "0x0", machine: 7, name: "pc7", status: 1, ahead: 0 });
    let events: Vec<Logged> = (0..5).map(|week| one(START + week * estate::WEEK)).collect();
    fs::write(directory.path().join("a.evtx"), as_evtx(&events)).unwrap();
    fs::create_dir(directory.path().join("deeper")).unwrap();
    fs::write(directory.path().join("deeper/b.xml"), as_xml(&events[1..])).unwrap();
    fs::write(directory.path().join("c.csv"), as_csv(&events[2..])).unwrap();
    let report = json_of(&run(directory.path(), &[".", "a.evtx", "--json"]));
    assert_eq!(report["events"], 5, "{report:#}");
    assert_eq!(report["machines"][0]["requests"], 5);
    let again: Vec<u64> =
        report["files"].as_array().unwrap().iter().map(|file| file["again"].as_u64().unwrap()).collect();
    assert_eq!(again.iter().sum::<u64>(), 4 + 3, "{report:#}");
}

#[test]
fn who_was_activated_when_and_by_whom_is_a_row_of_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let mut events = Vec::new();
    // Twenty-six machines ask on the first day while they are not activated, and renew after it.
    for machine in (101..140).filter(|machine| machine % 10 != 0).take(26) {
        let name = format!("pc{machine}");
        let asked = |at, status| Asked { host: HOSTS[0], at, code: "0x0", machine, name: &name, status, ahead: 0 };
        events.push(processed(&asked(START + machine * 60, 2)));
        events.push(processed(&asked(START + machine * 60 + estate::WEEK, 1)));
    }
    fs::write(directory.path().join("kms1.evtx"), as_evtx(&events)).unwrap();
    fs::write(
        directory.path().join("products.csv"),
        format!("\"ID\",\"Name\"\r\n\"{}\",\"Windows(R), Professional edition\"\r\n", estate::CLIENT),
    )
    .unwrap();
    let output = run(directory.path(), &["kms1.evtx", "--csv", "--products", "products.csv"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with("pc104,")).unwrap();
    let expected = format!(
        "pc104,{},\"Windows(R), Professional edition\",{},yes,kms1.corp.example,2026-03-01 01:44,2026-03-01 01:44,\
         2026-03-08 01:44,2,0,0x00000000,licensed,2026-09-04 01:44",
        estate::cmid(104),
        estate::CLIENT
    );
    assert_eq!(row, expected);
    assert_eq!(text.lines().count(), 27);
}
