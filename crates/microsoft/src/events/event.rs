//! One event as a log has it, and what its fields say, in the order that is documented for each event.
//!
//! The words around the fields are in the language of the system and mean nothing here; only the order of the fields does.

use super::moment::Moment;

/// An event of a log, as any of the readers finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The computer whose log it stands in.
    pub computer: &'a str,
    /// 12288 to 12294.
    pub id: u16,
    /// When it was logged.
    pub at: Moment,
    /// The fields, separated by commas.
    pub info: &'a str,
}

/// The events that are read.
pub const IDS: std::ops::RangeInclusive<u16> = 12288..=12294;

/// Whether events of this source are meant: other services, such as that of shadow copies, use the same numbers.
pub fn is_ours(source: &str) -> bool {
    const OURS: [&str; 5] = [
        "Security-SPP",
        "Licensing-SLC",
        "Software Protection Platform",
        "Software Licensing",
        "Key Management Service",
    ];
    OURS.iter().any(|ours| source.contains(ours))
}

/// The longest name of a machine, host or domain that is kept; DNS allows no longer one.
const NAME_CHARS_MAX: usize = 255;

/// A client's state of licence as events number it: activated.
pub const LICENSED: u8 = 1;

/// A request for activation: as its host logged it, or its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// 0 where all went well.
    pub code: u32,
    /// How many machines the product asks for before it counts as activated.
    pub minimum: u32,
    /// The client's name; in a client's own log the host that was asked.
    pub name: &'a str,
    /// The client machine id.
    pub cmid: u128,
    /// The time by the client's clock.
    pub client_time: Option<Moment>,
    /// Whether the client says that it is a virtual machine; nothing in a client's own log, which has the field unused.
    pub is_virtual: bool,
    /// 0 unlicensed, 1 licensed, 2 initial grace, 3 grace after expiry, 4 not genuine, 5 notification, 6 extended grace.
    pub status: u8,
    /// How long the state of the licence lasts, in minutes.
    pub minutes_left: u32,
    /// Which product asks.
    pub activation_id: u128,
}

/// What the fields of an event say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail<'a> {
    /// 12288: a client sent a request.
    Sent(Request<'a>),
    /// 12289: a client took an answer.
    Answered {
        /// 0 where all went well.
        code: u32,
        /// Further conditions, bit by bit.
        flags: u32,
        /// Whether the answer activated it.
        is_activated: bool,
        /// How many machines the host counted.
        count: u32,
    },
    /// 12290: a host processed a request.
    Processed(Request<'a>),
    /// 12291 and 12292: a host could not begin its service, or not its timer.
    NotStarted {
        /// Why.
        code: u32,
    },
    /// 12293: a host could not enter itself in DNS.
    NotPublished {
        /// Why.
        code: u32,
        /// The domain.
        domain: &'a str,
    },
    /// 12294: a host entered itself in DNS.
    Published {
        /// The domain.
        domain: &'a str,
    },
}

impl<'a> Event<'a> {
    /// What the fields say; nothing where they are not those of such an event.
    pub fn detail(&self) -> Option<Detail<'a>> {
        let mut fields = [""; 16];
        let mut found = 0;
        for field in self.info.split(',').map(str::trim) {
            *fields.get_mut(found)? = field;
            found += 1;
        }
        let fields = fields.get(..found)?;
        match self.id {
            12288 => sent(fields).map(Detail::Sent),
            12289 => answered(fields),
            12290 => processed(fields).map(Detail::Processed),
            12291 | 12292 => Some(Detail::NotStarted { code: fields.iter().find_map(|field| code(field))? }),
            12293 => {
                let code = fields.iter().find_map(|field| code(field))?;
                Some(Detail::NotPublished { code, domain: domain(fields).unwrap_or_default() })
            }
            12294 => Some(Detail::Published { domain: domain(fields)? }),
            _ => None,
        }
    }
}

fn sent<'a>(fields: &[&'a str]) -> Option<Request<'a>> {
    let [hresult, _flags, server, cmid, time, _unused, status, minutes, activation_id, minimum, ..] = *fields else {
        return None;
    };
    Some(Request {
        code: code(hresult)?,
        minimum: minimum.parse().ok()?,
        // Where DNS named no host, none was asked.
        name: if server.is_empty() { "" } else { name(server)? },
        cmid: guid(cmid)?,
        client_time: Moment::parse_client(time),
        is_virtual: false,
        status: status.parse().ok().filter(|status| *status < 10)?,
        minutes_left: minutes.parse().ok()?,
        activation_id: guid(activation_id)?,
    })
}

fn processed<'a>(fields: &[&'a str]) -> Option<Request<'a>> {
    let [hresult, minimum, client, cmid, time, is_virtual, status, minutes, activation_id, ..] = *fields else {
        return None;
    };
    Some(Request {
        code: code(hresult)?,
        minimum: minimum.parse().ok()?,
        name: name(client)?,
        cmid: guid(cmid)?,
        client_time: Moment::parse_client(time),
        is_virtual: is_virtual == "1",
        status: status.parse().ok().filter(|status| *status < 10)?,
        minutes_left: minutes.parse().ok()?,
        activation_id: guid(activation_id)?,
    })
}

fn answered<'a>(fields: &[&'a str]) -> Option<Detail<'a>> {
    let [hresult, flags, activated, _unused, count, ..] = *fields else { return None };
    let (code, flags) = (code(hresult)?, code(flags)?);
    Some(Detail::Answered { code, flags, is_activated: activated == "1", count: count.parse().ok()? })
}

/// A name in the characters that names of machines have; a log may hold anything.
fn name(text: &str) -> Option<&str> {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>\"'".contains(c);
    (!text.is_empty() && text.chars().count() <= NAME_CHARS_MAX && text.chars().all(is_plain)).then_some(text)
}

/// The domain: a field that is no code, or what a message has between quotation marks.
fn domain<'a>(fields: &[&'a str]) -> Option<&'a str> {
    let quoted = |field: &'a str| {
        let mut parts = field.split(['\'', '"', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}']);
        parts.nth(1).map(str::trim)
    };
    let whole = fields.iter().copied().filter(|field| code(field).is_none()).find_map(name);
    whole.or_else(|| fields.iter().copied().filter_map(quoted).find_map(name))
}

/// A code in hexadecimal digits after `0x`, or in decimal ones, also negative ones.
pub fn code(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned)),
    }
}

/// `68531fb9-5511-4989-97be-d11a0f55633f`, also between braces.
pub fn guid(text: &str) -> Option<u128> {
    let text = text.trim_start_matches('{').trim_end_matches('}').as_bytes();
    if text.len() != 36 {
        return None;
    }
    let mut number = 0_u128;
    for (place, byte) in text.iter().enumerate() {
        match (matches!(place, 8 | 13 | 18 | 23), byte) {
            (true, b'-') => {}
            (true, _) => return None,
            (false, byte) => number = number << 4 | u128::from(char::from(*byte).to_digit(16)?),
        }
    }
    Some(number)
}

/// The usual form of such a number.
pub fn guid_text(number: u128) -> String {
    let text = format!("{number:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// The fields in the text that a person sees of an event, in any language: from the first code on, on its line; or the
/// whole text where there is none.
pub fn fields_of_message(message: &str) -> &str {
    let Some(start) = message.find("0x").or_else(|| message.find("0X")) else { return message.trim() };
    let rest = message.get(start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().trim();
    // A message whose code stands alone has its other values in the sentence before.
    if line.contains(',') { line } else { message.trim() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CMID: &str = "36f27b39-2fd5-440b-be67-a09996d27a38";
    const PRODUCT: &str = "68531fb9-5511-4989-97be-d11a0f55633f";

    fn detail(id: u16, info: &str) -> Option<Detail<'_>> {
        Event { computer: "kms1", id, at: Moment::default(), info }.detail()
    }

    #[test]
    fn the_documented_samples_are_understood() {
        let request = Request {
            code: 0xC004_F06C,
            minimum: 5,
            name: "pc1",
            cmid: guid(CMID).unwrap(),
            client_time: Moment::parse_client("2010/9/29 21:46"),
            is_virtual: false,
            status: 2,
            minutes_left: 41_520,
            activation_id: guid(PRODUCT).unwrap(),
        };
        let host = format!("0xC004F06C,5,pc1,{CMID},2010/9/29 21:46,0,2,41520,{PRODUCT}");
        assert_eq!(detail(12290, &host), Some(Detail::Processed(request)));
        let client =
            format!("0xC004F06C, 0x00000000, kms.example:1688, {CMID}, 2010/09/29 17:52, 0, 2, 41760, {PRODUCT}, 5");
        let request = Request {
            name: "kms.example:1688",
            minutes_left: 41_760,
            client_time: Moment::parse_client("2010/9/29 17:52"),
            ..request
        };
        assert_eq!(detail(12288, &client), Some(Detail::Sent(request)));
        let answered = Detail::Answered { code: 0, flags: 0x0400_0008, is_activated: false, count: 4 };
        assert_eq!(detail(12289, "0x0, 0x4000008, 0, 0, 4, 120, 10080, 2010/9/29 17:52"), Some(answered));
        assert_eq!(detail(12291, "0x80070005"), Some(Detail::NotStarted { code: 0x8007_0005 }));
        let not_published = Some(Detail::NotPublished { code: 0x8007_2338, domain: "example.com" });
        assert_eq!(detail(12293, "0x80072338,example.com"), not_published);
        assert_eq!(detail(12293, "Im \u{201e}example.com\u{201c} nicht,\r\n0x80072338"), not_published);
        assert_eq!(detail(12294, "example.com"), Some(Detail::Published { domain: "example.com" }));
        assert_eq!(
            detail(12294, "Published in the 'example.com' domain."),
            Some(Detail::Published { domain: "example.com" })
        );
    }

    #[test]
    fn other_fields_are_no_event() {
        let ok = format!("0x0,25,pc1,{CMID},2026/9/29 21:46,0,1,1,{PRODUCT}");
        assert!(detail(12290, &ok).is_some());
        for (from, to) in
            [("0x0", "x"), ("25", "many"), ("pc1", "<b>"), (CMID, "36f27b39"), (",1,1,", ",99,1,"), ("-", "\u{e9}")]
        {
            assert_eq!(detail(12290, &ok.replacen(from, to, 1)), None, "{from} as {to}");
        }
        for info in ["", ",,,,,,,,,,,,,,,,,,,", "0x0", "0x0,25"] {
            assert_eq!(detail(12290, info), None);
        }
    }

    #[test]
    fn fields_are_found_in_messages_of_any_language() {
        for (message, expected) in [
            ("An activation request has been processed.\r\nInfo:\r\n0x0,25,pc1", "0x0,25,pc1"),
            ("Eine Anforderung wurde verarbeitet. Info: 0x0,25,pc1 ", "0x0,25,pc1"),
            (
                "It failed in the 'a.example' domain.\nInfo:\n0x80072338",
                "It failed in the 'a.example' domain.\nInfo:\n0x80072338",
            ),
            ("none", "none"),
        ] {
            assert_eq!(fields_of_message(message), expected);
        }
    }

    #[test]
    fn codes_and_ids_have_several_forms() {
        for (text, expected) in [("0xC004F074", 0xC004_F074), ("-1073418124", 0xC004_F074), ("0", 0), ("0x0", 0)] {
            assert_eq!(code(text), Some(expected), "{text}");
        }
        assert_eq!(guid_text(guid(&format!("{{{}}}", CMID.to_uppercase())).unwrap()), CMID);
        assert_eq!(code("kms.example"), None);
    }
}
