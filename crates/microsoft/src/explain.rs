//! Finds codes in whatever was pasted, and says which of them is the reason.
//!
//! A client shows an outer code, such as 0xC004F074, while the reason stands in its event 12288 or in the host's 12290.
//! Numbers are taken as hexadecimal, as decimal, and as the negative decimals that scripts and PowerShell print.

use crate::codes::{self, Code};

/// More codes than any pasted text has reason to hold.
pub const CODES_MAX: usize = 64;

/// What was found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Known codes; the reason comes first.
    pub codes: Vec<&'static Code>,
    /// Codes that are not known here.
    pub unknown: Vec<Unknown>,
    /// How outer and inner code belong together.
    pub joined: Option<String>,
    /// The fields of activation events.
    pub events: Vec<Event>,
}

/// A code that is in no table.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The code.
    pub number: u32,
    /// What can be said of it by its form.
    pub hint: String,
}

/// The information field of event 12288, 12289 or 12290, with its fields named.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Which event has these fields.
    pub id: u16,
    /// Names and values, values with their meaning.
    pub fields: Vec<(&'static str, String)>,
}

/// Codes that only say that no host activated the client.
const OUTER: [u32; 3] = [0xC004_F074, 0xC002_0017, 0x8007_139F];
const ID_MISMATCH: u32 = 0xC004_F042;
const SKU_NOT_INSTALLED: u32 = 0xC004_F015;

/// Finds codes and events in `text`.
pub fn explain(text: &str) -> Explanation {
    let mut found = Explanation::default();
    let is_alone = text.split_whitespace().count() == 1;
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')) {
        let Some(number) = number(word, is_alone) else { continue };
        if found.codes.len() + found.unknown.len() >= CODES_MAX {
            break;
        }
        match codes::find(number) {
            Some(code) if !found.codes.contains(&code) => found.codes.push(code),
            None if found.unknown.iter().all(|other| other.number != number) => {
                found.unknown.push(Unknown { number, hint: hint(number) });
            }
            _ => {}
        }
    }
    found.events = text.lines().filter_map(event).take(CODES_MAX).collect();
    join(&mut found);
    found
}

/// What a word says, if it is a code.
fn number(word: &str, is_alone: bool) -> Option<u32> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        let number = u32::from_str_radix(digits, 16).ok()?;
        return (is_code(number) && digits.len() == 8).then_some(number);
    }
    if word.contains('_') {
        return codes::by_name(word).map(|code| code.number);
    }
    if let Ok(number) = word.parse::<i64>() {
        let number = match number {
            ..0 => u32::try_from(number + (1 << 32)).ok()?,
            _ => u32::try_from(number).ok()?,
        };
        let is_meant = word.starts_with('-') || codes::find(number).is_some() || is_alone;
        // Eight digits may also be a code without its 0x.
        return if is_code(number) && is_meant { Some(number) } else { bare(word) };
    }
    bare(word)
}

/// Codes of states and errors begin with 4, 8 or C; smaller numbers are flags and counts, larger ones small negatives.
fn is_code(number: u32) -> bool {
    matches!(number >> 28, 0x4 | 0x8 | 0xC)
}

/// `C004F074`, as some programs print it.
fn bare(word: &str) -> Option<u32> {
    let number = u32::from_str_radix(word, 16).ok()?;
    let begins_as_code = matches!(number >> 16, 0x8004 | 0x8007 | 0x8009 | 0xC002 | 0xC004 | 0x4004);
    (word.len() == 8 && begins_as_code).then_some(number)
}

/// What the form of an HRESULT says.
fn hint(number: u32) -> String {
    let (facility, low) = ((number >> 16) & 0x1FFF, number & 0xFFFF);
    match (facility, low) {
        (7, 9000..=9999) => format!("Windows error {low}, one of DNS: `net helpmsg {low}` prints its text on Windows"),
        (7, 12000..=12200) => format!("Windows error {low}, one of the internet functions: look at proxy and network"),
        (7, _) => format!("Windows error {low}: `net helpmsg {low}` prints its text on Windows"),
        (4, _) => {
            "a code of the licensing service: `slui 0x2a CODE` or `ospp.vbs /ddescr:CODE` prints its text on Windows"
                .to_owned()
        }
        _ => format!("facility {facility}, number {low}: `slui 0x2a 0x{number:08X}` may print its text on Windows"),
    }
}

/// Puts the reason first and says how the codes belong together.
fn join(found: &mut Explanation) {
    let is_outer = |code: &&Code| OUTER.contains(&code.number);
    found.codes.sort_by_key(is_outer);
    let outer = found.codes.iter().find(|code| is_outer(code)).map(|code| code.number);
    let inner = found.codes.iter().find(|code| !is_outer(code));
    let has = |number: u32| found.codes.iter().any(|code| code.number == number);
    found.joined = match (outer, inner) {
        _ if has(ID_MISMATCH) && has(SKU_NOT_INSTALLED) => Some(
            "0xC004F042 at the client and 0xC004F015 at the host are one fault: the host's key does not cover the \
                client's product"
                .to_owned(),
        ),
        (Some(outer), Some(inner)) => Some(format!(
            "0x{outer:08X} only says that no host activated the client; the reason is 0x{:08X}: {}",
            inner.number, inner.meaning
        )),
        (Some(outer), None) if !found.unknown.is_empty() => found.unknown.first().map(|inner| {
            format!(
                "0x{outer:08X} only says that no host activated the client; the reason is 0x{:08X}, which is not \
                    in this program's tables",
                inner.number
            )
        }),
        (Some(outer), None) => Some(format!(
            "0x{outer:08X} only says that no host activated the client; the reason is the code at the beginning of \
                event 12288 in the Application log of the client: paste that line here"
        )),
        _ => None,
    };
}

/// The fields of an event, if this line has them.
fn event(line: &str) -> Option<Event> {
    let start = line.find("0x")?;
    let fields: Vec<&str> = line.get(start..)?.split(',').map(str::trim).collect();
    let is_hex = |place: usize| fields.get(place).is_some_and(|field| field.starts_with("0x"));
    let is_guid = |place: usize| fields.get(place).is_some_and(|field| is_guid(field));
    let is_number = |place: usize| fields.get(place).is_some_and(|field| field.parse::<u32>().is_ok());
    match fields.len() {
        10.. if is_hex(1) && is_guid(3) => Some(request(&fields)),
        9.. if is_number(1) && is_guid(3) => Some(processed(&fields)),
        7.. if is_hex(1) && is_number(2) && is_number(4) => Some(response(&fields)),
        _ => None,
    }
}

fn request(fields: &[&str]) -> Event {
    let of = |place: usize| fields.get(place).copied().unwrap_or_default();
    let fields = vec![
        ("result", of(0).to_owned()),
        ("flags", flags(of(1))),
        ("host", of(2).to_owned()),
        ("client machine id", of(3).to_owned()),
        ("client time", of(4).to_owned()),
        ("licence status", licence_status(of(6))),
        ("time left", minutes(of(7))),
        ("activation id", of(8).to_owned()),
        ("count needed", needed(of(9))),
    ];
    Event { id: 12288, fields }
}

fn response(fields: &[&str]) -> Event {
    let of = |place: usize| fields.get(place).copied().unwrap_or_default();
    let activated = if of(2) == "1" { "yes" } else { "no" };
    let fields = vec![
        ("result", of(0).to_owned()),
        ("flags", flags(of(1))),
        ("activated", activated.to_owned()),
        ("count of the host", of(4).to_owned()),
        ("activation interval", minutes(of(5))),
        ("renewal interval", minutes(of(6))),
    ];
    Event { id: 12289, fields }
}

fn processed(fields: &[&str]) -> Event {
    let of = |place: usize| fields.get(place).copied().unwrap_or_default();
    let machine = if of(5) == "1" { "virtual" } else { "physical, or not said" };
    let fields = vec![
        ("result", of(0).to_owned()),
        ("count needed", needed(of(1))),
        ("client", of(2).to_owned()),
        ("client machine id", of(3).to_owned()),
        ("client time", of(4).to_owned()),
        ("machine", machine.to_owned()),
        ("licence status", licence_status(of(6))),
        ("time left", minutes(of(7))),
        ("activation id", of(8).to_owned()),
    ];
    Event { id: 12290, fields }
}

/// `36f27b39-2fd5-440b-be67-a09996d27a38`, also in braces.
pub(crate) fn is_guid(text: &str) -> bool {
    let text = text.trim_matches(['{', '}']);
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn flags(text: &str) -> String {
    const FLAGS: [(u32, &str); 5] = [
        (0x0000_0008, "another machine was meant"),
        (0x0100_0000, "no host is registered"),
        (0x0200_0000, "the registration is damaged"),
        (0x0400_0000, "the count is too low"),
        (0x0800_0000, "no Windows marker in the firmware"),
    ];
    let number = u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_default();
    let set: Vec<&str> = FLAGS.iter().filter(|(flag, _)| number & flag != 0).map(|(_, meaning)| *meaning).collect();
    if set.is_empty() { text.to_owned() } else { format!("{text}: {}", set.join(", ")) }
}

fn licence_status(text: &str) -> String {
    let meaning = match text {
        "0" => "unlicensed",
        "1" => "licensed",
        "2" => "initial grace",
        "3" => "grace after expiry or a change of hardware",
        "4" => "grace of a key that is not genuine",
        "5" => "notification: the grace is over",
        "6" => "extended grace",
        _ => return text.to_owned(),
    };
    format!("{text}: {meaning}")
}

fn needed(text: &str) -> String {
    match text {
        "5" => "5: Windows Server or Office".to_owned(),
        "25" => "25: a Windows client".to_owned(),
        other => other.to_owned(),
    }
}

fn minutes(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(minutes) if minutes >= 2880 => format!("{minutes} minutes ({} days)", minutes / 1440),
        Ok(minutes) => format!("{minutes} minutes"),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(text: &str) -> Vec<u32> {
        explain(text).codes.iter().map(|code| code.number).collect()
    }

    #[test]
    fn every_way_to_write_a_code() {
        for text in [
            "0xC004F074",
            "0xc004f074",
            "C004F074",
            "-1073418124",
            "3221549172",
            "SL_E_VL_BINDING_SERVICE_UNAVAILABLE",
            "sl_e_vl_binding_service_unavailable",
            "Error: 0xC004F074 The Software Licensing Service reported that ...",
            "Fehler: 0xC004F074.",
            "(HRESULT -1073418124)",
            "ERROR CODE: 0xC004F074\r\n",
        ] {
            assert_eq!(numbers(text), [0xC004_F074], "{text}");
        }
        for text in
            ["", "12288", "0x00000000", "0x4000008", "no code", "99999999999999999999", "0x", "-", "-5", "2026-01-01"]
        {
            assert_eq!(explain(text), Explanation::default(), "{text}");
        }
    }

    #[test]
    fn the_reason_comes_before_what_it_led_to() {
        let text = "0xC004F074 ... event 12288: 0x8007232B, 0x00000000, kms.example:1688, \
                    36f27b39-2fd5-440b-be67-a09996d27a38, 2026/09/29 17:52, 0, 2, 41760, \
                    68531fb9-5511-4989-97be-d11a0f55633f, 5";
        let found = explain(text);
        assert_eq!(found.codes.iter().map(|code| code.number).collect::<Vec<_>>(), [0x8007_232B, 0xC004_F074]);
        assert!(found.joined.unwrap().contains("the reason is 0x8007232B"));
        let found = explain("0xC004F042 at the client, 12290 says 0xC004F015");
        assert!(found.joined.unwrap().contains("one fault"));
        assert!(explain("0xC004F074 0x800706D9").joined.unwrap().contains("the reason is 0x800706D9"));
        assert!(explain("0xC004F074").joined.unwrap().contains("event 12288"));
    }

    #[test]
    fn events_are_read_by_their_fields() {
        let line = "0xC004F06C, 0x04000008, kms.example:1688, 36f27b39-2fd5-440b-be67-a09996d27a38, 2010/09/29 17:52, 0, 2, \
                    41760, 68531fb9-5511-4989-97be-d11a0f55633f, 5";
        let found = explain(line);
        let [event] = found.events.as_slice() else { panic!("{found:?}") };
        assert_eq!(event.id, 12288);
        let of = |name: &str| event.fields.iter().find(|(field, _)| *field == name).unwrap().1.clone();
        assert_eq!(of("time left"), "41760 minutes (29 days)");
        assert_eq!(of("flags"), "0x04000008: another machine was meant, the count is too low");
        assert_eq!(of("count needed"), "5: Windows Server or Office");
        let line = "0xC004F06C,5,pc-1,36f27b39-2fd5-440b-be67-a09996d27a38,2010/9/29 \
            21:46,0,2,41520,68531fb9-5511-4989-97be-d11a0f55633f";
        assert_eq!(explain(line).events.first().unwrap().id, 12290);
        assert_eq!(explain("0x0, 0x4000008, 0, 0, 4, 120, 10080").events.first().unwrap().id, 12289);
    }

    #[test]
    fn an_unknown_code_is_taken_apart() {
        let found = explain("0x800706D9");
        assert_eq!(found.unknown.first().map(|unknown| unknown.hint.contains("net helpmsg 1753")), Some(true));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s)[0-9a-fxC,:{}_ \\-\\n]{0,200}|\\PC{0,100}") {
            let _ = explain(&text);
        }

        #[test]
        fn decimal_is_hexadecimal(place in 0_usize..168) {
            let number = codes::all()[place].number;
            let expected = vec![number];
            prop_assert_eq!(numbers(&format!("{number:#010X}").replace("0X", "0x")), expected.clone());
            prop_assert_eq!(numbers(&number.to_string()), expected.clone());
            prop_assert_eq!(numbers(&(number as i32).to_string()), expected);
        }
    }
}
