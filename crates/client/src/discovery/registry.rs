//! What Windows knows of domains and name servers, as its `reg.exe` prints it: by configuration, by search list, by DHCP.
//!
//! Its values are texts that administrators and DHCP servers chose, so they are read like those of any file.

use std::net::SocketAddr;

use crate::settings::name_server;

/// What was found; the order is that in which it counts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Registry {
    pub domains: Vec<String>,
    pub servers: Vec<SocketAddr>,
}

/// Names of domains, in the order in which they count; a suffix of the machine's name before what DHCP said.
const DOMAINS: [&str; 4] = ["NV Domain", "Domain", "SearchList", "DhcpDomain"];
/// Likewise for name servers: what was set by hand comes first.
const SERVERS: [&str; 2] = ["NameServer", "DhcpNameServer"];
/// More lines are not read: there are some forty for each network card.
const LINES_MAX: usize = 10_000;

/// Reads what the registry has now; nothing where it cannot be asked.
#[cfg(windows)]
pub(super) fn read() -> Registry {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
    let program = std::path::Path::new(&system).join("System32\\reg.exe");
    let mut command = std::process::Command::new(program);
    command.args(["query", r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters", "/s"]);
    // A product with windows of its own shall not flash up a black one.
    std::os::windows::process::CommandExt::creation_flags(&mut command, 0x0800_0000);
    let output = command.stdin(std::process::Stdio::null()).output();
    output.map(|output| parse(&String::from_utf8_lossy(&output.stdout))).unwrap_or_default()
}

/// Reads lines `    NAME    REG_SZ    VALUE` below lines with keys.
pub(super) fn parse(text: &str) -> Registry {
    let values = |wanted: &str| -> Vec<String> {
        let lines = text.lines().take(LINES_MAX).filter(|line| line.starts_with("    "));
        let values =
            lines.filter_map(|line| line.trim_start().strip_prefix(wanted)?.trim_start().strip_prefix("REG_SZ"));
        values.flat_map(|value| value.split([',', ' '])).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let domains = DOMAINS.iter().flat_map(|name| values(&format!("{name} "))).collect();
    let servers = SERVERS.iter().flat_map(|name| values(&format!("{name} ")));
    Registry { domains, servers: servers.filter_map(|server| name_server(&server)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_by_hand_counts_before_what_dhcp_said() {
        let text = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\r\n\
                    \u{20}   DataBasePath    REG_EXPAND_SZ    %SystemRoot%\\System32\\drivers\\etc\r\n\
                    \u{20}   Domain    REG_SZ    corp.example\r\n    DhcpDomain    REG_SZ    dhcp.example\r\n\
                    \u{20}   SearchList    REG_SZ    a.example,b.example\r\n    NameServer    REG_SZ    \r\n\
                    \u{20}   DhcpNameServer    REG_SZ    10.0.0.53 10.0.0.54\r\n\
                    \u{20}   DomainNameDevolutionLevel    REG_DWORD    0x2\r\n\r\n\
                    HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\{7}\r\n\
                    \u{20}   NameServer    REG_SZ    192.0.2.1,2001:db8::1\r\n    Domain    REG_SZ    \r\n";
        let found = parse(text);
        assert_eq!(found.domains, ["corp.example", "a.example", "b.example", "dhcp.example"]);
        let servers: Vec<String> = found.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "10.0.0.53:53", "10.0.0.54:53"]);
    }

    #[test]
    fn anything_else_says_nothing() {
        for text in [
            "",
            "ERROR: The system was unable to find the specified registry key",
            "    Domain",
            "Domain    REG_SZ    x",
        ] {
            assert_eq!(parse(text), Registry::default(), "{text}");
        }
    }
}
