//! The unit with which systemd runs a server: the packaged one, for the program where it lies and the data where they are.

use std::env;
use std::path::Path;

use crate::exit::Usage;

/// Beneath it systemd keeps the state of its services.
const STATE: &str = "/var/lib";
/// What the unit does not let a service see, so that a program there could not be started.
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// A unit, and what is to be known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// The file.
    pub text: String,
    /// Why systemd could not start the program, if that can be seen from here.
    pub caution: Option<String>,
}

/// The unit of this program, from the packaged unit of `/usr/bin/NAME`.
///
/// The unit names the configuration file where somebody has named one; the program finds the usual one itself.
pub fn of_this_program(packaged: &str, name: &str, data_dir: &Path, config: Option<&Path>) -> anyhow::Result<Unit> {
    let mut unit = unit(packaged, name, &env::current_exe()?, data_dir)?;
    if let Some(config) = config.map(|path| path.display().to_string()) {
        if !is_plain(&config) {
            return Err(Usage(format!("a unit cannot name the file {config} as it stands: choose a plain path")).into());
        }
        unit.text = unit.text.replacen(" --data-dir ", &format!(" --config {config} --data-dir "), 1);
    }
    Ok(unit)
}

fn unit(packaged: &str, name: &str, program: &Path, data_dir: &Path) -> Result<Unit, Usage> {
    let (program, shown) = (program.display().to_string(), data_dir.display());
    let state = data_dir.strip_prefix(STATE).ok().and_then(Path::to_str).filter(|state| is_plain(state));
    let state = state.ok_or_else(|| {
        Usage(format!("systemd keeps the state of a service beneath {STATE}: {shown} cannot be its --data-dir"))
    })?;
    if !is_plain(&program) {
        let where_to = "copy it to a path of letters, digits, '.', '-' and '_', such as /usr/local/bin";
        return Err(Usage(format!("a unit cannot name the program {program} as it stands: {where_to}")));
    }
    let caution = HIDDEN.iter().find(|hidden| Path::new(&program).starts_with(hidden)).map(|hidden| {
        format!(
            "the unit hides {hidden} from the service: copy {program} to /usr/local/bin, and print the unit from there"
        )
    });
    let text = packaged
        .replace(&format!("ExecStart=/usr/bin/{name} "), &format!("ExecStart={program} "))
        .replace(&format!(" %S/{name} "), &format!(" %S/{state} "))
        .replace(&format!("StateDirectory={name}\n"), &format!("StateDirectory={state}\n"));
    Ok(Unit { text, caution })
}

/// Whether a path means the same in a unit: no blanks, and nothing that systemd would replace.
fn is_plain(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@');
    !path.is_empty() && path.chars().all(is_plain) && !path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGED: &str = "[Service]\nExecStart=/usr/bin/kms --data-dir %S/kms serve\nUser=kms\nStateDirectory=kms\n";

    #[test]
    fn a_unit_names_program_and_state() {
        let own = |program: &str, state: &str| {
            format!("[Service]\nExecStart={program} --data-dir %S/{state} serve\nUser=kms\nStateDirectory={state}\n")
        };
        for (program, data_dir, expected) in [
            ("/usr/bin/kms", "/var/lib/kms", Some((PACKAGED.to_owned(), false))),
            ("/opt/a-b_c/kms", "/var/lib/kms", Some((own("/opt/a-b_c/kms", "kms"), false))),
            ("/usr/bin/kms", "/var/lib/kms/second", Some((own("/usr/bin/kms", "kms/second"), false))),
            ("/home/ann/kms", "/var/lib/kms", Some((own("/home/ann/kms", "kms"), true))),
            ("/homestead/kms", "/var/lib/kms", Some((own("/homestead/kms", "kms"), false))),
            ("/opt/a b/kms", "/var/lib/kms", None),
            ("/opt/50%/kms", "/var/lib/kms", None),
            ("/usr/bin/kms", "/srv/kms", None),
            ("/usr/bin/kms", "/var/lib", None),
            ("/usr/bin/kms", "/var/lib/../kms", None),
            ("/usr/bin/kms", "/var/library/kms", None),
        ] {
            let unit = unit(PACKAGED, "kms", Path::new(program), Path::new(data_dir));
            let found = unit.ok().map(|unit| (unit.text, unit.caution.is_some()));
            assert_eq!(found, expected, "{program} with {data_dir}");
        }
    }
}
