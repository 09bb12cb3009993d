//! Scripts: one for each machine, or one for a deployment tool that runs on all of them.

use std::fmt::Write as _;

use super::{Direction, KmsHost, Machine, Tool, mak_variable, steps};
use crate::keys::SetupKey;

/// The file of a machine's own script.
pub fn file_name(machine: &Machine) -> String {
    format!("{}.cmd", machine.name)
}

/// A command script for one machine.
///
/// It ends with the number of steps that failed, so that whoever runs it can tell.
pub fn cmd(machine: &Machine, direction: Direction, host: Option<&KmsHost>) -> String {
    let mut text = "@echo off\nsetlocal\nset FAILED=0\n".to_owned();
    let _ = writeln!(text, "rem {}: {}. Run it as administrator on that machine.", machine.name, goal(direction));
    text +=
        "rem Made by `keymuster microsoft convert`. It removes no key of Windows: installing one replaces the other.\n";
    for variable in variables(direction, &machine.products) {
        let _ = writeln!(
            text,
            "if \"%{variable}%\"==\"\" (echo Set the variable {variable} first: a MAK is a secret and stands in no \
                script. & exit /b 2)"
        );
    }
    let host = machine.host.as_ref().or(host);
    for key in &machine.products {
        let _ = writeln!(text, "\nrem {}", key.name());
        text += if key.is_office() { FIND_OSPP } else { "" };
        for step in steps(if key.is_office() { Tool::Ospp } else { Tool::Slmgr }, direction, key, host) {
            let command = step.command.replace("nologo ospp.vbs", "nologo \"%OSPP%\"");
            // Which key of Office goes can only be said by who reads /dstatus.
            let is_choice = command.contains("XXXXX");
            let _ = match is_choice {
                true => writeln!(text, "rem {}: {command}", step.why),
                false => writeln!(text, "rem {}\n{command} || set /a FAILED+=1", step.why),
            };
        }
    }
    text += "\nexit /b %FAILED%\n";
    text.replace('\n', "\r\n")
}

/// The variables that must be set.
fn variables(direction: Direction, products: &[&SetupKey]) -> Vec<String> {
    match direction {
        Direction::ToKms => Vec::new(),
        Direction::ToMak => products.iter().map(|key| mak_variable(key)).collect(),
    }
}

/// `%NAME%` as PowerShell has it.
fn in_powershell(command: &str) -> String {
    match command.split_once("%MAK_") {
        Some((before, rest)) => format!("{before}$env:MAK_{}", rest.replacen('%', "", 1)),
        None => command.to_owned(),
    }
}

/// Where ospp.vbs of Office 2016 and newer lies, in either width.
const FIND_OSPP: &str = "set OSPP=\nfor %%D in (\"%ProgramFiles%\" \"%ProgramFiles(x86)%\") do if exist \
    \"%%~D\\Microsoft Office\\Office16\\OSPP.VBS\" set OSPP=%%~D\\Microsoft Office\\Office16\\OSPP.VBS\nif \
    \"%OSPP%\"==\"\" (echo Office was not found. & set /a FAILED+=1 & exit /b 1)\n";

fn goal(direction: Direction) -> &'static str {
    match direction {
        Direction::ToKms => "activation by a KMS host",
        Direction::ToMak => "activation by a MAK",
    }
}

/// One PowerShell script for a deployment tool: each machine finds itself by its name.
///
/// It uses the module OSLicense where it exists, and slmgr.vbs elsewhere.
pub fn powershell(machines: &[Machine], direction: Direction, host: Option<&KmsHost>) -> String {
    let mut text =
        format!("# {} for {} machines. Run it as administrator or as the system.\n", goal(direction), machines.len());
    text +=
        "# Made by `keymuster microsoft convert`. It removes no key of Windows: installing one replaces the other.\n";
    text += "$ErrorActionPreference = 'Stop'\n";
    text += PREAMBLE;
    text += "switch ($env:COMPUTERNAME) {\n";
    for machine in machines {
        let label = machine.name.split('.').next().unwrap_or_default();
        let _ = writeln!(text, "  '{label}' {{");
        for variable in variables(direction, &machine.products) {
            let _ = writeln!(
                text,
                "    if (-not $env:{variable}) {{ Write-Warning 'Set the variable {variable} first: a MAK is a \
                    secret and stands in no script.'; exit 2 }}"
            );
        }
        for key in &machine.products {
            let _ = writeln!(text, "    # {}", key.name());
            text += &product(key, direction, machine.host.as_ref().or(host));
        }
        text += "  }\n";
    }
    text += "  default { Write-Error \"$env:COMPUTERNAME is not in the list\"; exit 3 }\n}\nexit $failed\n";
    text.replace('\n', "\r\n")
}

const PREAMBLE: &str = r#"$failed = 0
$slmgr = "$env:windir\System32\slmgr.vbs"
$ospp = "$env:ProgramFiles\Microsoft Office\Office16\OSPP.VBS", "${env:ProgramFiles(x86)}\Microsoft Office\Office16\OSPP.VBS" |
  Where-Object { Test-Path $_ } | Select-Object -First 1
$hasModule = [bool](Get-Command Invoke-OSLicense -ErrorAction SilentlyContinue)
function Step([scriptblock]$Do) {
  try { $global:LASTEXITCODE = 0; & $Do; if ($LASTEXITCODE -ne 0) { $script:failed++ } }
  catch { Write-Warning $_; $script:failed++ }
}
"#;

fn product(key: &SetupKey, direction: Direction, host: Option<&KmsHost>) -> String {
    let lines = |tool: Tool, program: &str, indent: &str| -> String {
        let commands = steps(tool, direction, key, host).into_iter().filter(|step| !step.command.contains("XXXXX"));
        commands.fold(String::new(), |mut text, step| {
            let command = step.command.replace("%windir%\\System32\\slmgr.vbs", program).replace("ospp.vbs", program);
            let _ = writeln!(text, "{indent}Step {{ {} }}  # {}", in_powershell(&command), step.why);
            text
        })
    };
    if key.is_office() {
        let missing = "    if (-not $ospp) { Write-Warning 'Office was not found.'; exit 1 }\n";
        return format!("{missing}{}", lines(Tool::Ospp, "$ospp", "    "));
    }
    let module = lines(Tool::OsLicense, "", "      ");
    format!("    if ($hasModule) {{\n{module}    }} else {{\n{}    }}\n", lines(Tool::Slmgr, "$slmgr", "      "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::read;

    const LIST: &str = "machine,product,host\npc-1,windows 10 pro,\npc-1,office professional plus \
        2019,\nsrv.example,windows server 2022 standard,kms2\n";

    #[test]
    fn scripts_hold_the_keys_of_their_machines_and_no_mak() {
        let machines = read(LIST).unwrap();
        let host = "kms.example:1700".parse::<KmsHost>().unwrap();
        let script = cmd(&machines[0], Direction::ToKms, Some(&host));
        for part in
            ["/ipk W269N-", "/skms kms.example:1700", "/inpkey:NMMKJ-", "/sethst:kms.example ||", "/setprt:1700"]
        {
            assert!(script.contains(part), "{part}: {script}");
        }
        assert!(script.lines().all(|line| !line.contains("XXXXX") || line.starts_with("rem ")), "{script}");
        assert!(!script.contains("\n\n\n") && script.matches('\n').count() == script.matches("\r\n").count());
        assert!(cmd(&machines[1], Direction::ToKms, Some(&host)).contains("/skms kms2:1688"));
        let script = powershell(&machines, Direction::ToKms, None);
        for part in
            ["'pc-1' {", "'srv' {", "$hasModule", "Invoke-OSLicense -InstallProductKey 'W269N-", "$ospp /remhst"]
        {
            assert!(script.contains(part), "{part}: {script}");
        }
        for script in [powershell(&machines, Direction::ToMak, None), cmd(&machines[0], Direction::ToMak, None)] {
            assert!(script.contains("stands in no script") && !script.contains("W269N"), "{script}");
            assert!(
                script.contains("MAK_OFFICE_PROFESSIONAL_PLUS_2019")
                    && script.contains("MAK_WINDOWS_11_WINDOWS_10_PRO"),
                "{script}"
            );
        }
        assert_eq!(file_name(&machines[1]), "srv.example.cmd");
    }
}
