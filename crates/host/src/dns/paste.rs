//! The records in the forms that people paste where no host may change DNS.
//!
//! Only names of a closed alphabet and numbers are written, so that nothing in a name can become a command.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::json;

use super::name::DnsName;
use super::{TTL_SECS, Zone};

/// What is to be entered by hand.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The domains whose clients shall find the host.
    pub zones: Vec<Zone>,
    /// Where clients reach the host.
    pub port: u16,
    /// The host's own name.
    pub target: DnsName,
    /// Addresses of the target, where they are to be entered too.
    pub addresses: Vec<IpAddr>,
}

/// What the text is pasted into.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Form {
    /// Commands for BIND's nsupdate.
    Bind,
    /// PowerShell commands for a Windows DNS server.
    Windows,
    /// Lines of dnsmasq's configuration.
    Dnsmasq,
    /// A change batch for Amazon Route 53.
    Route53,
    /// Lines of a zone file.
    Zone,
}

/// The records in one of the forms, ending with a line break.
pub fn paste(plan: &Plan, form: Form) -> String {
    match form {
        Form::Bind => bind(plan),
        Form::Windows => windows(plan),
        Form::Dnsmasq => dnsmasq(plan),
        Form::Route53 => route53(plan),
        Form::Zone => lines(plan)
            .iter()
            .map(|line| format!("{} {} IN {} {}\n", line.name, TTL_SECS, line.kind, line.data))
            .collect(),
    }
}

/// One record as text.
struct Line {
    /// With the dot at its end.
    name: String,
    kind: &'static str,
    data: String,
}

fn lines(plan: &Plan) -> Vec<Line> {
    let Plan { zones, port, target, addresses } = plan;
    let services = zones.iter().map(|zone| Line {
        name: format!("{}.", zone.name.service()),
        kind: "SRV",
        data: format!("{} {} {port} {target}.", zone.priority, zone.weight),
    });
    let addresses = addresses.iter().map(|address| Line {
        name: format!("{target}."),
        kind: if address.is_ipv4() { "A" } else { "AAAA" },
        data: address.to_string(),
    });
    services.chain(addresses).collect()
}

/// Each change is sent by itself, because one update cannot reach into two zones.
fn bind(plan: &Plan) -> String {
    let update = |line: &Line| format!("update add {} {} IN {} {}\nsend\n", line.name, TTL_SECS, line.kind, line.data);
    lines(plan).iter().map(update).collect()
}

fn windows(plan: &Plan) -> String {
    let Plan { zones, port, target, addresses } = plan;
    let mut text = String::new();
    for Zone { name, priority, weight } in zones {
        let _ = writeln!(
            text,
            "Add-DnsServerResourceRecord -Srv -ZoneName \"{name}\" -Name \"_keymuster._tcp\" -DomainName \"{target}\" \
             -Priority {priority} -Weight {weight} -Port {port}"
        );
    }
    let home = zones.iter().find_map(|zone| Some((&zone.name, target.within(&zone.name)?)));
    // The target of another domain lies in the zone that its own name ends in.
    let outside =
        || target.as_str().split_once('.').map_or((target.as_str(), target.as_str()), |(host, zone)| (zone, host));
    let (zone, host) = home.map_or_else(outside, |(zone, host)| (zone.as_str(), host));
    for address in addresses {
        let (kind, option) = if address.is_ipv4() { ("A", "IPv4Address") } else { ("AAAA", "IPv6Address") };
        let _ = writeln!(
            text,
            "Add-DnsServerResourceRecord{kind} -ZoneName \"{zone}\" -Name \"{host}\" -{option} \"{address}\""
        );
    }
    text
}

fn dnsmasq(plan: &Plan) -> String {
    let Plan { zones, port, target, addresses } = plan;
    let service =
        |zone: &Zone| format!("srv-host={},{target},{port},{},{}\n", zone.name.service(), zone.priority, zone.weight);
    let address = |address: &IpAddr| format!("host-record={target},{address}\n");
    zones.iter().map(service).chain(addresses.iter().map(address)).collect()
}

/// `CREATE` fails where the set is there already. `UPSERT` would replace it, and with it the records of other hosts.
fn route53(plan: &Plan) -> String {
    let mut changes = Vec::new();
    let lines = lines(plan);
    for (place, line) in lines.iter().enumerate() {
        let is_same = |other: &&Line| (&other.name, other.kind) == (&line.name, line.kind);
        if lines[..place].iter().any(|earlier| is_same(&earlier)) {
            continue;
        }
        let values: Vec<_> = lines.iter().filter(is_same).map(|line| json!({ "Value": line.data })).collect();
        let set = json!({ "Name": line.name, "Type": line.kind, "TTL": TTL_SECS, "ResourceRecords": values });
        changes.push(json!({ "Action": "CREATE", "ResourceRecordSet": set }));
    }
    format!("{:#}\n", json!({ "Changes": changes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(zones: &[&str], addresses: &[&str]) -> Plan {
        Plan {
            zones: zones.iter().map(|zone| Zone::parse(zone, (0, 10)).unwrap()).collect(),
            port: 1688,
            target: "kms.eu.example.com".parse().unwrap(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn each_form_is_as_its_program_wants_it() {
        let plan = plan(&["example.com", "example.org:5:0"], &["192.0.2.7", "2001:db8::7"]);
        for (form, expected) in [
            (
                Form::Zone,
                "_keymuster._tcp.example.com. 3600 IN SRV 0 10 1688 kms.eu.example.com.\n\
                 _keymuster._tcp.example.org. 3600 IN SRV 5 0 1688 kms.eu.example.com.\n\
                 kms.eu.example.com. 3600 IN A 192.0.2.7\n\
                 kms.eu.example.com. 3600 IN AAAA 2001:db8::7\n",
            ),
            (
                Form::Bind,
                "update add _keymuster._tcp.example.com. 3600 IN SRV 0 10 1688 kms.eu.example.com.\nsend\n\
                 update add _keymuster._tcp.example.org. 3600 IN SRV 5 0 1688 kms.eu.example.com.\nsend\n\
                 update add kms.eu.example.com. 3600 IN A 192.0.2.7\nsend\n\
                 update add kms.eu.example.com. 3600 IN AAAA 2001:db8::7\nsend\n",
            ),
            (
                Form::Windows,
                "Add-DnsServerResourceRecord -Srv -ZoneName \"example.com\" -Name \"_keymuster._tcp\" \
                 -DomainName \"kms.eu.example.com\" -Priority 0 -Weight 10 -Port 1688\n\
                 Add-DnsServerResourceRecord -Srv -ZoneName \"example.org\" -Name \"_keymuster._tcp\" \
                 -DomainName \"kms.eu.example.com\" -Priority 5 -Weight 0 -Port 1688\n\
                 Add-DnsServerResourceRecordA -ZoneName \"example.com\" -Name \"kms.eu\" -IPv4Address \"192.0.2.7\"\n\
                 Add-DnsServerResourceRecordAAAA -ZoneName \"example.com\" -Name \"kms.eu\" -IPv6Address \"2001:db8::7\"\n",
            ),
            (
                Form::Dnsmasq,
                "srv-host=_keymuster._tcp.example.com,kms.eu.example.com,1688,0,10\n\
                 srv-host=_keymuster._tcp.example.org,kms.eu.example.com,1688,5,0\n\
                 host-record=kms.eu.example.com,192.0.2.7\n\
                 host-record=kms.eu.example.com,2001:db8::7\n",
            ),
        ] {
            assert_eq!(paste(&plan, form), expected, "{form:?}");
        }
    }

    #[test]
    fn an_address_outside_the_domains_belongs_to_the_domain_of_its_name() {
        let text = paste(&plan(&["example.org"], &["192.0.2.7"]), Form::Windows);
        assert!(text.ends_with("A -ZoneName \"eu.example.com\" -Name \"kms\" -IPv4Address \"192.0.2.7\"\n"), "{text}");
    }

    #[test]
    fn route_53_gets_each_set_once_with_all_its_values() {
        let text = paste(&plan(&["example.com"], &["192.0.2.7", "192.0.2.8", "2001:db8::7"]), Form::Route53);
        let batch: serde_json::Value = serde_json::from_str(&text).unwrap();
        let changes = batch["Changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["Action"] == "CREATE"), "an UPSERT would remove other hosts");
        let sets: Vec<String> = changes
            .iter()
            .map(|change| {
                let set = &change["ResourceRecordSet"];
                format!("{} {} {} {}", set["Name"], set["Type"], set["TTL"], set["ResourceRecords"])
            })
            .collect();
        assert_eq!(
            sets,
            [
                r#""_keymuster._tcp.example.com." "SRV" 3600 [{"Value":"0 10 1688 kms.eu.example.com."}]"#,
                r#""kms.eu.example.com." "A" 3600 [{"Value":"192.0.2.7"},{"Value":"192.0.2.8"}]"#,
                r#""kms.eu.example.com." "AAAA" 3600 [{"Value":"2001:db8::7"}]"#,
            ]
        );
    }
}
