//! What is wrong in an estate, in sentences that need no knowledge of activation, with what to do about it.
//!
//! Each fault is found once and for all machines that it concerns together; what is no fault is not said.

use crate::codes;

use super::count::{CountSeries, Forecast};
use super::hosts::{HostSeen, is_unreached};
use super::machines::Standing;
use super::report::{ClientSeen, ErrorGroup, Report};

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The count is below what is asked for.
    CountLow,
    /// A host got no requests although it should have, and clients could not reach one.
    HostSilent,
    /// Clients cannot reach a host.
    HostUnreached,
    /// A host could not begin its service.
    HostNotStarted,
    /// Activations have ended.
    RanOut,
    /// Activations end, because machines no longer ask.
    RunningOut,
    /// The count falls and will be too low.
    CountFalling,
    /// Machines share an id.
    Cloned,
    /// Clocks differ too much.
    Clock,
    /// Requests are refused.
    Refused,
    /// Clients got no answer.
    Unanswered,
    /// A client was told that the count is too low.
    ToldTooFew,
    /// A host could not enter itself in DNS.
    NotPublished,
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Its kind.
    pub fault: Fault,
    /// Whether something does not work, or will stop to.
    pub is_urgent: bool,
    /// What is wrong, in a sentence.
    pub says: String,
    /// What to do.
    pub remedy: String,
    /// The machines, hosts or ids that it concerns; the first of them, where they are many.
    pub names: Vec<String>,
}

/// More names do not help anybody; the list of machines has them all.
pub const NAMES_MAX: usize = 50;
/// The code for clocks that differ by more than four hours.
const CLOCK: u32 = 0xC004_F06C;

impl Fault {
    /// Its name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Fault::CountLow => "count-low",
            Fault::HostSilent => "host-silent",
            Fault::HostUnreached => "host-unreached",
            Fault::HostNotStarted => "host-not-started",
            Fault::RanOut => "ran-out",
            Fault::RunningOut => "running-out",
            Fault::CountFalling => "count-falling",
            Fault::Cloned => "cloned",
            Fault::Clock => "clock",
            Fault::Refused => "refused",
            Fault::Unanswered => "unanswered",
            Fault::ToldTooFew => "told-too-few",
            Fault::NotPublished => "not-published",
        }
    }
}

/// What a code means, and what to do about it; nothing where it is not known.
pub fn explanation(code: u32) -> (String, String) {
    codes::find(code).map_or_else(Default::default, |code| (code.meaning.to_owned(), code.remedies.join("; or ")))
}

/// All that is wrong, the urgent first.
pub fn findings(report: &Report) -> Vec<Finding> {
    let mut findings: Vec<Finding> = report.counts.iter().filter_map(count).collect();
    findings.extend(report.hosts.iter().flat_map(host));
    findings.extend(machines(report));
    findings.extend(clones(report));
    findings.extend(report.errors.iter().filter_map(error));
    findings.extend(clients(report));
    findings.sort_by_key(|finding| (!finding.is_urgent, finding.fault));
    findings
}

fn count(series: &CountSeries) -> Option<Finding> {
    let CountSeries { host, application, threshold, .. } = series;
    let (count, what) = (series.current(), application.name());
    let names = vec![host.clone()];
    let remedy =
        "let more machines ask this host, let fewer hosts share them, or activate by MAK or Active Directory; \
                  see as well whether machines share an id, for those count once"
            .to_owned();
    match series.forecast {
        Forecast::Below { since } => Some(Finding {
            fault: Fault::CountLow,
            is_urgent: true,
            says: format!(
                "{host} counts {} for {what} and {threshold} are needed; it has been too few since {}",
                machines_text(u64::from(count)),
                since.day_text()
            ),
            remedy,
            names,
        }),
        Forecast::Falling { below_on, per_week } => Some(Finding {
            fault: Fault::CountFalling,
            is_urgent: false,
            says: format!(
                "{host} counts fewer machines for {what} every week ({count} at the end, about {per_week} fewer a week); \
                 around {} there will be fewer than the {threshold} that are needed",
                below_on.day_text()
            ),
            remedy,
            names,
        }),
        Forecast::TooShort | Forecast::Steady => None,
    }
}

fn host(host: &HostSeen) -> Vec<Finding> {
    let name = &host.name;
    let mut findings = Vec::new();
    let silent = |silence: &super::hosts::Silence| {
        let missing = silence.missing;
        let says = match silence.until {
            Some(until) => format!(
                "{name} got no requests from {} until {}, in which about {missing} were to be expected",
                silence.from, until
            ),
            None => format!(
                "{name} has got no requests since {}, in which about {missing} were to be expected",
                silence.from
            ),
        };
        Finding {
            fault: Fault::HostSilent,
            is_urgent: silence.until.is_none(),
            says,
            remedy:
                "see that the machine runs with its service sppsvc, that TCP 1688 passes every firewall, and that its \
                     records in DNS are right (`keymuster microsoft dns`); if the log was only exported earlier than \
                     others, or cleared, all is well"
                    .to_owned(),
            names: vec![name.clone()],
        }
    };
    findings.extend(host.silences.iter().map(silent));
    if let Some(at) = host.not_started {
        findings.push(Finding {
            fault: Fault::HostNotStarted,
            is_urgent: true,
            says: format!("the activation service of {name} could not begin on {at} and has had no request since"),
            remedy: "see the code of events 12291 and 12292 below, and restart the service sppsvc".to_owned(),
            names: vec![name.clone()],
        });
    }
    findings.extend(host.not_published.iter().map(|(domain, code, at)| Finding {
        fault: Fault::NotPublished,
        is_urgent: false,
        says: format!("{name} could not enter itself in DNS for {domain} on {at} (0x{code:08X}) and has not since"),
        remedy: "the first host owns the record: give the group of all hosts full control of _VLMCS._TCP in the zone, or \
                 enter the record by hand"
            .to_owned(),
        names: vec![name.clone(), domain.clone()],
    }));
    findings
}

fn machines(report: &Report) -> Vec<Finding> {
    let of = |standing: Standing| report.machines.iter().filter(move |machine| machine.standing == standing);
    let mut findings = Vec::new();
    let ran_out: Vec<String> = of(Standing::RanOut).map(|machine| machine.name.clone()).collect();
    let remedy = "see that these machines still exist and are switched on; then on one of them `slmgr /ato`, and \
                  `keymuster microsoft explain` for the code that it prints"
        .to_owned();
    if !ran_out.is_empty() {
        findings.push(Finding {
            fault: Fault::RanOut,
            is_urgent: true,
            says: format!("the activation of {} has ended", machines_text(ran_out.len() as u64)),
            remedy: remedy.clone(),
            names: first(ran_out),
        });
    }
    let running_out = report.running_out();
    if let Some(next) = running_out.first() {
        findings.push(Finding {
            fault: Fault::RunningOut,
            is_urgent: false,
            says: format!(
                "{} not renewed for three weeks or longer and will lose the activation unless that changes, the first on {}",
                have(running_out.len() as u64),
                next.until.day_text()
            ),
            remedy,
            names: first(running_out.iter().map(|machine| machine.name.clone()).collect()),
        });
    }
    findings
}

fn clones(report: &Report) -> Option<Finding> {
    let cloned: Vec<_> = report.clones.iter().filter(|clone| !clone.is_renamed).collect();
    let machines: usize = cloned.iter().map(|clone| clone.machines.len()).sum();
    if cloned.is_empty() {
        return None;
    }
    let ids = if cloned.len() == 1 { "1 machine id".to_owned() } else { format!("{} machine ids", cloned.len()) };
    Some(Finding {
        fault: Fault::Cloned,
        is_urgent: false,
        says: format!(
            "{machines} machines share {ids}; each id counts once, so the count is {} short",
            machines - cloned.len()
        ),
        remedy:
            "the image was copied without `sysprep /generalize`, or with SkipRearm set: on each copy `slmgr /rearm`, \
                 restart, `slmgr /ato`, and prepare the image anew"
                .to_owned(),
        names: first(cloned.iter().map(|clone| clone.cmid.clone()).collect()),
    })
}

fn error(error: &ErrorGroup) -> Option<Finding> {
    let names = first(error.examples.iter().map(|(name, _)| name.clone()).collect());
    let (count, machines) = (error.count, machines_text(error.machines));
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    match (error.event, error.code) {
        // What clients could not reach is said of the host; what a host did by itself is said of it as well.
        (12291..=12293, _) => None,
        (12288 | 12289, code) if is_unreached(code) => None,
        (_, CLOCK) => Some(Finding {
            fault: Fault::Clock,
            is_urgent: false,
            says: format!(
                "the clocks of {machines} differ from the host's by more than four hours, so they were refused ({times})"
            ),
            remedy:
                "set the clocks of these machines, or of the host if all are refused, and let them follow a time server \
                     (`w32tm /resync`)"
                    .to_owned(),
            names,
        }),
        (_, code) => Some(Finding {
            fault: Fault::Refused,
            is_urgent: false,
            says: format!(
                "{machines} had requests refused with 0x{code:08X} ({times}){}",
                if error.means.is_empty() { String::new() } else { format!(": {}", error.means) }
            ),
            remedy: if error.remedy.is_empty() {
                format!("`keymuster microsoft explain 0x{code:08X}`")
            } else {
                error.remedy.clone()
            },
            names,
        }),
    }
}

fn clients(report: &Report) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in report.servers.iter().filter(|server| server.is_unreached) {
        let span = match (server.first_unreached, server.last_unreached) {
            (Some(first), Some(last)) if first != last => format!("between {first} and {last}"),
            (_, Some(last)) => format!("on {last}"),
            _ => String::new(),
        };
        findings.push(Finding {
            fault: Fault::HostUnreached,
            is_urgent: true,
            says: if server.name.is_empty() {
                format!(
                    "{} found no host to ask {span} (0x{:08X})",
                    machines_text(server.unreached_clients),
                    server.code
                )
            } else {
                format!(
                    "{} could not reach {} {span} (0x{:08X})",
                    machines_text(server.unreached_clients),
                    server.name,
                    server.code
                )
            },
            remedy:
                "see that this host runs and that TCP 1688 passes every firewall between; `keymuster microsoft dns` \
                     shows where clients are led"
                    .to_owned(),
            names: vec![server.name.clone()],
        });
    }
    let unanswered: Vec<_> = report.clients.iter().filter(|client| client.answered == 0 && client.sent > 0).collect();
    let reached = |client: &&&ClientSeen| {
        !report.servers.iter().any(|server| server.name == client.server && server.unreached > 0)
            && !report
                .errors
                .iter()
                .any(|error| error.event == 12288 && error.examples.iter().any(|(name, _)| *name == client.name))
    };
    let silent: Vec<String> = unanswered.iter().filter(reached).map(|client| client.name.clone()).collect();
    if !silent.is_empty() {
        findings.push(Finding {
            fault: Fault::Unanswered,
            is_urgent: false,
            says: format!("{} sent requests and processed no answer", machines_text(silent.len() as u64)),
            remedy: "the host was not reached, or its answer was lost: see that TCP 1688 passes in both directions"
                .to_owned(),
            names: first(silent),
        });
    }
    let is_told =
        |client: &&ClientSeen| !client.is_activated && client.count.is_some_and(|count| count < client.minimum);
    let told: Vec<&ClientSeen> = report.clients.iter().filter(is_told).collect();
    if let Some(count) = told.iter().filter_map(|client| client.count).max() {
        findings.push(Finding {
            fault: Fault::ToldTooFew,
            is_urgent: true,
            says: format!(
                "{} told that the host counts too few machines ({count} at most)",
                if told.len() == 1 { "1 machine was".to_owned() } else { format!("{} machines were", told.len()) }
            ),
            remedy: "the clients are well and are activated once the count is reached: let more machines ask"
                .to_owned(),
            names: first(told.iter().map(|client| client.name.clone()).collect()),
        });
    }
    findings
}

/// The sentences that a manager reads first.
pub fn in_short(report: &Report) -> Vec<String> {
    let mut sentences = Vec::new();
    let Some((from, until)) = report.span else {
        return vec!["The files have no request for activation in them.".to_owned()];
    };
    sentences.push(format!(
        "From {} to {}, {} asked {} for activation.",
        from.day_text(),
        until.day_text(),
        machines_text(report.machines.len().max(report.clients.len()) as u64),
        if report.hosts.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", report.hosts.len()) }
    ));
    let licensed = report.standing(Standing::Licensed) + report.standing(Standing::RunningOut);
    if !report.machines.is_empty() {
        sentences.push(format!("{} activated at the end.", are(licensed)));
    }
    for (standing, words) in [
        (Standing::RunningOut, "not renewed for three weeks and will lose the activation"),
        (Standing::Waiting, "been answered, and waits until enough machines have asked"),
        (Standing::Refused, "been refused and is not activated"),
        (Standing::RanOut, "lost the activation"),
    ] {
        let count = report.standing(standing);
        if count > 0 {
            sentences.push(format!("{} {words}.", capital(&have(count))));
        }
    }
    sentences.push(match report.findings.len() {
        0 => "Nothing is wrong as far as these logs show.".to_owned(),
        1 => "One thing should be looked at:".to_owned(),
        n => format!("{n} things should be looked at:"),
    });
    sentences
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + characters.as_str())
}

fn have(count: u64) -> String {
    if count == 1 { "1 machine has".to_owned() } else { format!("{count} machines have") }
}

fn are(count: u64) -> String {
    if count == 1 { "1 machine is".to_owned() } else { format!("{count} machines are") }
}

fn machines_text(count: u64) -> String {
    if count == 1 { "1 machine".to_owned() } else { format!("{count} machines") }
}

fn first(mut names: Vec<String>) -> Vec<String> {
    names.truncate(NAMES_MAX);
    names
}
