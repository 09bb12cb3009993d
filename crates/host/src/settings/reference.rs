//! The reference page of the settings, generated as text; a test compares it with the file in `docs/reference/`.

use std::fmt::Write as _;

use super::{Form, SETTINGS, Scope, Setting};

/// The text of `docs/reference/host-settings.md`.
pub fn reference_markdown() -> String {
    let mut text = String::from(HEAD);
    for (title, scope) in [(OF_PUBLISHER, Scope::Publisher), (OF_HOST, Scope::Host)] {
        text.push_str(title);
        for setting in SETTINGS.iter().filter(|setting| setting.scope == scope) {
            entry(&mut text, setting);
        }
    }
    text
}

/// One section; every sentence has a line of its own. Writing to a string cannot fail.
fn entry(text: &mut String, setting: &Setting) {
    let _ = writeln!(text, "\n### {}\n", setting.pattern());
    let _ = writeln!(text, "{}\n", setting.about.replace(". ", ".\n"));
    let _ = writeln!(text, "- Value: {}.", setting.form.words());
    match setting.form {
        Form::Interval(_) => text.push_str("- Allowed: the range that the publisher signed in the licence pack.\n"),
        Form::Threshold => text.push_str("- Allowed: from what the publisher demands up to 1,000,000.\n"),
        _ => {}
    }
    let _ = writeln!(text, "- Without a choice: {}.", setting.default);
}

const HEAD: &str = "\
<!-- Generated from crates/host/src/settings.rs; `UPDATE=1 cargo test -p keymuster-host` rewrites this file. -->

# Settings of a host

```
keymuster-host settings
keymuster-host set renewal-interval 3d
keymuster-host set dns-zones example.com lab.example.com:10
keymuster-host unset renewal-interval
```

`settings` shows every setting with the value that counts, the value without a choice, what may be chosen, and where the value comes from:
the publisher's licence pack, the publisher's entitlement, an administrator of this host (who, and when), the configuration of the running host, or what is built in.
`set` chooses a value and `unset` takes the choice back; both tell what follows for whom, and `--dry-run` tells it without changing anything.
`--json` gives all of it to programs: lengths of time in seconds, lists as lists.

A length of time is a whole number and a unit: `s`, `m`, `h` or `d`, or the words, such as `90 minutes`.
A number without a unit is refused, because people who come from other tools mean different ones.
What was understood is shown in the answer.

A value outside its range is refused with `setting-out-of-range`, and nothing is moved to the nearest allowed one.
Where a newer licence pack or entitlement puts a value out of range, the publisher's value counts instead; `settings` shows both, and the choice counts again once it is in range.

What stands in the host's [configuration](host-config.md) is fixed there: `set` and `unset` refuse it with `setting-fixed`, and `settings` names file and line.

A running host follows within a second, without a restart.
Every change writes an audit entry with the old and the new value, in the same transaction.
";

const OF_PUBLISHER: &str = "
## For each publisher

Where the host has several publishers, `--publisher` names the one that is meant.
";

const OF_HOST: &str = "
## For the host itself
";
