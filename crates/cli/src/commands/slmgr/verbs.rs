//! The verbs that administrators know, and what does the same here; where nothing does, why.
//!
//! `docs/reference/slmgr.md` is made from this table.

use strsim::osa_distance;

/// One verb.
#[derive(Debug)]
pub struct Verb {
    /// As it is typed behind `-` or `/`.
    pub name: &'static str,
    /// What may follow it, as the help writes it; empty for nothing.
    pub parameters: &'static str,
    /// What does the same.
    pub counterpart: Counterpart,
}

/// What there is instead of a verb's own function.
#[derive(Debug)]
pub enum Counterpart {
    /// These commands do the same, and the verb runs them.
    Command(&'static str),
    /// Nothing, for this reason.
    None(&'static str),
}

use Counterpart::{Command, None as Nothing};

const fn verb(name: &'static str, parameters: &'static str, counterpart: Counterpart) -> Verb {
    Verb { name, parameters, counterpart }
}

const DIRECTORY: &str = "activation is not bound to a directory service: hosts are found by DNS, and need no domain";
const TOKENS: &str = "there are no token certificates: a client proves who it is with a key of its own";

/// All verbs, in the order of the help.
pub static VERBS: [Verb; 41] = [
    verb("ipk", "[KEY]", Command("keymuster install-key; for a host key keymuster-host install-key")),
    verb("ato", "[ID]", Command("keymuster activate; on a host keymuster-host activate too")),
    verb("dli", "[ID|all]", Command("keymuster status; on a host keymuster-host status too")),
    verb("dlv", "[ID|all]", Command("keymuster status and keymuster settings; on a host keymuster-host status too")),
    verb("xpr", "[ID]", Command("keymuster expires")),
    verb("upk", "[ID] [yes]", Command("keymuster remove-key; on a host keymuster-host remove-key")),
    verb(
        "cpky",
        "",
        Nothing(
            "no key has to be cleared: setup keys are public, a MAK is forgotten once it was used, and a \
         host keeps its keys where only it can read them",
        ),
    ),
    verb("rearm", "[yes]", Command("keymuster rearm")),
    verb("rearm-app", "PUBLISHER [yes]", Command("keymuster rearm --publisher PUBLISHER")),
    verb("rearm-sku", "ID [yes]", Command("keymuster rearm --edition EDITION")),
    verb("dti", "[ID]", Command("keymuster activate --request-qr")),
    verb("atp", "FILE [ID]", Command("keymuster activate --response FILE")),
    verb("ilc", "FILE", Command("keymuster-host pack import FILE")),
    verb("rilc", "", Command("keymuster-host pack fetch, for each publisher")),
    verb("skms", "HOST[:PORT]|:PORT [ID]", Command("keymuster set host HOST")),
    verb("skms-domain", "DOMAIN [ID]", Command("keymuster set domain DOMAIN")),
    verb("ckms", "[ID]", Command("keymuster unset host")),
    verb("ckms-domain", "[ID]", Command("keymuster unset domain")),
    verb("skhc", "", Command("keymuster set caching on")),
    verb("ckhc", "", Command("keymuster set caching off")),
    verb("sai", "MINUTES", Command("keymuster-host set activation-interval MINUTESm; without a host keymuster set")),
    verb("sri", "MINUTES", Command("keymuster-host set renewal-interval MINUTESm; without a host keymuster set")),
    verb("sprt", "PORT", Command("keymuster-host set port PORT")),
    verb("sdns", "", Command("keymuster-host set dns-publishing on")),
    verb("cdns", "", Command("keymuster-host set dns-publishing off")),
    verb(
        "spri",
        "",
        Nothing("the service manager sets priorities: Nice= and CPUWeight= in the unit of keymuster-host"),
    ),
    verb(
        "cpri",
        "",
        Nothing(
            "a host with a low priority answers late and loses count of its clients; whoever wants it \
         all the same sets Nice= or CPUWeight= in the unit of keymuster-host",
        ),
    ),
    verb("act-type", "[0|2] [ID]", Command("keymuster set way any|host")),
    verb("ad-activation-online", "KEY [NAME]", Nothing(DIRECTORY)),
    verb("ad-activation-get-iid", "KEY", Nothing(DIRECTORY)),
    verb("ad-activation-apply-cid", "KEY CID [NAME]", Nothing(DIRECTORY)),
    verb("name:", "", Nothing(DIRECTORY)),
    verb("ao-list", "", Nothing(DIRECTORY)),
    verb("del-ao", "NAME", Nothing(DIRECTORY)),
    verb("lil", "", Nothing(TOKENS)),
    verb("ril", "ILID ILvID", Nothing(TOKENS)),
    verb("ltc", "", Nothing(TOKENS)),
    verb("fta", "THUMBPRINT [PIN]", Nothing(TOKENS)),
    verb("stao", "", Nothing(TOKENS)),
    verb("ctao", "", Nothing(TOKENS)),
    verb("?", "", Command("keymuster slmgr")),
];

/// The verb that was typed, with `-` or `/` before it and in any case.
pub fn find(typed: &str) -> Option<&'static Verb> {
    let name = typed.strip_prefix(['-', '/'])?.to_ascii_lowercase();
    VERBS.iter().find(|verb| verb.name == name)
}

/// The verb whose name differs least.
pub fn nearest(typed: &str) -> &'static Verb {
    let name = typed.trim_start_matches(['-', '/']).to_ascii_lowercase();
    let distance = |verb: &&Verb| osa_distance(&name, verb.name);
    VERBS.iter().min_by_key(distance).unwrap_or(&VERBS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_found_however_it_is_typed() {
        for (typed, expected) in [
            ("-dlv", Some("dlv")),
            ("/DLV", Some("dlv")),
            ("/skms-domain", Some("skms-domain")),
            ("-act-type", Some("act-type")),
            ("/?", Some("?")),
            ("dlv", None),
            ("--dlv", None),
            ("-", None),
        ] {
            assert_eq!(find(typed).map(|verb| verb.name), expected, "{typed}");
        }
        assert_eq!(nearest("-dvl").name, "dlv");
    }

    #[test]
    fn names_are_unique() {
        for (place, verb) in VERBS.iter().enumerate() {
            assert!(VERBS[..place].iter().all(|other| other.name != verb.name), "{}", verb.name);
        }
    }
}
