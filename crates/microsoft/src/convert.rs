//! From a MAK to KMS and back: the exact commands, and scripts of them.
//!
//! A MAK is a secret, so no command here holds one: scripts take it from a variable of whoever runs them. Names from
//! outside are checked before they come near a command line.

mod list;
mod script;

use std::fmt;
use std::str::FromStr;

pub use list::{Fault, Machine, ROWS_MAX, read};
pub use script::{cmd, file_name, powershell};

use crate::keys::SetupKey;

/// Where a machine is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the activation by a KMS host.
    ToKms,
    /// To a MAK.
    ToMak,
}

/// A program that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `slmgr.vbs`, for Windows.
    Slmgr,
    /// The PowerShell module OSLicense, for Windows where it exists.
    OsLicense,
    /// `ospp.vbs`, for Office.
    Ospp,
}

impl Tool {
    /// The tools for a product.
    pub fn of(key: &SetupKey) -> &'static [Tool] {
        if key.is_office() { &[Tool::Ospp] } else { &[Tool::Slmgr, Tool::OsLicense] }
    }

    /// What it is called, and where it exists.
    pub fn title(self) -> &'static str {
        match self {
            Tool::Slmgr => "slmgr.vbs, in a prompt of an administrator",
            Tool::OsLicense => {
                "PowerShell module OSLicense, where it exists (Windows 11 with the update of September 2026)"
            }
            Tool::Ospp => {
                "ospp.vbs, in a prompt of an administrator, in Office's directory (such as C:\\Program \
                    Files\\Microsoft Office\\Office16)"
            }
        }
    }
}

/// The variable from which a script takes the MAK of a product; a MAK is for one product.
pub fn mak_variable(key: &SetupKey) -> String {
    let name: String =
        key.name().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    format!("MAK_{}", words.join("_"))
}

/// What must be known before a key is removed.
pub const UPK_CAUTION: &str = "no key has to be removed first: installing one replaces the other. `slmgr /upk` \
    without an activation id removes every key of the machine, Office's too; if a key must go, name it: `slmgr \
    /upk ACTIVATION-ID`, with the id from `slmgr /dlv all`";

/// A KMS host, as commands name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsHost {
    name: String,
    port: u16,
}

impl FromStr for KmsHost {
    type Err = String;

    fn from_str(text: &str) -> Result<KmsHost, String> {
        if text.matches(':').count() > 1 {
            return Err(format!("{text:?} is an IPv6 address, which slmgr cannot read: give the host a name in DNS"));
        }
        let (name, port) = text.split_once(':').unwrap_or((text, "1688"));
        let port = port.parse::<u16>().ok().filter(|port| *port > 0);
        match port {
            Some(port) if is_name(name) => Ok(KmsHost { name: name.to_owned(), port }),
            _ => Err(format!("{text:?} is not a host as NAME or NAME:PORT")),
        }
    }
}

impl fmt::Display for KmsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// A name of a machine: nothing that a command line, a file system or a script could take for more.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=253).contains(&text.len())
        && text.chars().all(is_plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..")
        && !text.ends_with('.')
}

/// One step: why, and what is typed.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Why.
    pub why: &'static str,
    /// What is typed.
    pub command: String,
}

fn step(why: &'static str, command: impl Into<String>) -> Step {
    Step { why, command: command.into() }
}

/// The commands that take one machine with this product where it is to go.
pub fn steps(tool: Tool, direction: Direction, key: &SetupKey, host: Option<&KmsHost>) -> Vec<Step> {
    match tool {
        Tool::Slmgr => slmgr(direction, key, host),
        Tool::OsLicense => oslicense(direction, key, host),
        Tool::Ospp => ospp(direction, key, host),
    }
}

fn slmgr(direction: Direction, key: &SetupKey, host: Option<&KmsHost>) -> Vec<Step> {
    let slmgr = |words: &str| format!("cscript //nologo %windir%\\System32\\slmgr.vbs {words}");
    let look = step("which key is there, by its channel", slmgr("/dli"));
    match direction {
        Direction::ToKms => {
            let name = match host {
                Some(host) => step("name the host", slmgr(&format!("/skms {host}"))),
                None => step("let DNS name the host", slmgr("/ckms")),
            };
            let install = step("the public setup key; it replaces the MAK", slmgr(&format!("/ipk {}", key.key)));
            let activate = step("ask the host", slmgr("/ato"));
            vec![look, install, name, activate, step("Licensed, for 180 days", slmgr("/dlv"))]
        }
        Direction::ToMak => vec![
            look,
            step(
                "the MAK, from its variable; it replaces the setup key",
                slmgr(&format!("/ipk %{}%", mak_variable(key))),
            ),
            step("a named host is of no use now", slmgr("/ckms")),
            step("activate with Microsoft; without a network /dti and /atp", slmgr("/ato")),
            step("permanently activated", slmgr("/xpr")),
        ],
    }
}

fn oslicense(direction: Direction, key: &SetupKey, host: Option<&KmsHost>) -> Vec<Step> {
    let look = step("which key is there", "Get-OSLicenseInfo");
    let activate = "Invoke-OSLicense -ActivateOnline";
    match direction {
        Direction::ToKms => {
            let name = match host {
                Some(host) => {
                    step("name the host", format!("Set-KmsLicenseInfo -ServerName '{}' -Port {}", host.name, host.port))
                }
                None => step("let DNS name the host", "Invoke-KmsLicense -ClearServer"),
            };
            let install = format!("Invoke-OSLicense -InstallProductKey '{}'", key.key);
            let install = step("the public setup key; it replaces the MAK", install);
            vec![
                look,
                install,
                name,
                step("ask the host", activate),
                step("what the machine knows of KMS", "Get-KmsLicenseInfo"),
            ]
        }
        Direction::ToMak => vec![
            look,
            step(
                "the MAK, from its variable; it replaces the setup key",
                format!("Invoke-OSLicense -InstallProductKey $env:{}", mak_variable(key)),
            ),
            step("a named host is of no use now", "Invoke-KmsLicense -ClearServer"),
            step("activate with Microsoft", activate),
            step("permanently activated", "Get-OSLicenseInfo"),
        ],
    }
}

fn ospp(direction: Direction, key: &SetupKey, host: Option<&KmsHost>) -> Vec<Step> {
    let ospp = |words: &str| format!("cscript //nologo ospp.vbs {words}");
    let look = step("the last five symbols of the installed key", ospp("/dstatus"));
    let remove = step("only the key that is replaced: XXXXX are its last five symbols", ospp("/unpkey:XXXXX"));
    let activate = step("activate", ospp("/act"));
    let check = step("---LICENSED---", ospp("/dstatus"));
    match direction {
        Direction::ToKms => {
            let install = step("the public setup key", ospp(&format!("/inpkey:{}", key.key)));
            let mut steps = vec![look, remove, install];
            match host {
                Some(host) => {
                    steps.push(step("name the host", ospp(&format!("/sethst:{}", host.name))));
                    steps.push(step("and its port", ospp(&format!("/setprt:{}", host.port))));
                }
                None => steps.push(step("let DNS name the host", ospp("/remhst"))),
            }
            steps.extend([activate, check]);
            steps
        }
        Direction::ToMak => {
            let install = step("the MAK, from its variable", ospp(&format!("/inpkey:%{}%", mak_variable(key))));
            vec![look, remove, install, step("a named host is of no use now", ospp("/remhst")), activate, check]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn a_host_is_a_name_and_a_port() {
        for (text, expected) in
            [("kms.example", "kms.example:1688"), ("KMS-1:1700", "KMS-1:1700"), ("192.0.2.7", "192.0.2.7:1688")]
        {
            assert_eq!(text.parse::<KmsHost>().unwrap().to_string(), expected);
        }
        for text in
            ["", "a b", "a;b", "a&b", "a:0", "a:70000", "-a", "::1", "[::1]:1688", "a'b", "a\"b", "%a%", "a..b", "a."]
        {
            assert!(text.parse::<KmsHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_command_removes_every_key_or_holds_a_mak() {
        let host = "kms.example".parse::<KmsHost>().unwrap();
        for key in keys::all() {
            for direction in [Direction::ToKms, Direction::ToMak] {
                for host in [None, Some(&host)] {
                    for tool in Tool::of(key) {
                        let steps = steps(*tool, direction, key, host);
                        let text: String = steps.iter().map(|step| format!("{}\n", step.command)).collect();
                        assert!(!text.contains("/upk"), "{text}");
                        assert_eq!(text.contains(key.key), direction == Direction::ToKms, "{text}");
                        assert_eq!(text.contains(&mak_variable(key)), direction == Direction::ToMak, "{text}");
                    }
                }
            }
        }
    }
}
