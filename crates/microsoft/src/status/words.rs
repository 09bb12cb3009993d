//! The words of the tools: English labels and states as they are printed, German and French where they are known,
//! channels in any language.

use super::{Channel, State};

/// What stands behind a label of slmgr or ospp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Name,
    Status,
    LastFive,
    ClientId,
    DnsHost,
    NamedHost,
    ActivationId,
    ActivationInterval,
    RenewalInterval,
    Count,
    Port,
    Requests,
    Failed,
    /// A value of no interest, which might look like one that is.
    Other,
}

/// Labels in lower case. Languages differ in which they translate; what is missing here is read by its form.
const LABELS: [(&str, Label); 45] = [
    ("name", Label::Name),
    ("license name", Label::Name),
    ("nom", Label::Name),
    ("license status", Label::Status),
    ("lizenzstatus", Label::Status),
    ("état de la licence", Label::Status),
    ("statut de la licence", Label::Status),
    ("partial product key", Label::LastFive),
    ("teil-product key", Label::LastFive),
    ("teilproduktschlüssel", Label::LastFive),
    ("clé de produit partielle", Label::LastFive),
    ("last 5 characters of installed product key", Label::LastFive),
    ("client machine id (cmid)", Label::ClientId),
    ("clientcomputer-id (cmid)", Label::ClientId),
    ("id de l'ordinateur client (cmid)", Label::ClientId),
    ("kms machine name from dns", Label::DnsHost),
    ("kms-computername von dns", Label::DnsHost),
    ("nom de l'ordinateur kms de dns", Label::DnsHost),
    ("registered kms machine name", Label::NamedHost),
    ("registrierter kms-computername", Label::NamedHost),
    ("nom d'ordinateur kms inscrit", Label::NamedHost),
    ("kms machine registry override defined", Label::NamedHost),
    ("activation id", Label::ActivationId),
    ("sku id", Label::ActivationId),
    ("aktivierungs-id", Label::ActivationId),
    ("id d'activation", Label::ActivationId),
    ("application id", Label::Other),
    ("anwendungs-id", Label::Other),
    ("id de l'application", Label::Other),
    ("activation interval", Label::ActivationInterval),
    ("aktivierungsintervall", Label::ActivationInterval),
    ("intervalle d'activation", Label::ActivationInterval),
    ("renewal interval", Label::RenewalInterval),
    ("erneuerungsintervall", Label::RenewalInterval),
    ("intervalle de renouvellement", Label::RenewalInterval),
    ("current count", Label::Count),
    ("aktuelle anzahl", Label::Count),
    ("nombre actuel", Label::Count),
    ("listening on port", Label::Port),
    ("überwachter port", Label::Port),
    ("écoute sur le port", Label::Port),
    ("total requests received", Label::Requests),
    ("failed requests received", Label::Failed),
    ("remaining windows rearm count", Label::Other),
    ("remaining sku rearm count", Label::Other),
];

/// What a label means, if it is known.
pub fn label(text: &str) -> Option<Label> {
    let text = text.trim().to_lowercase().replace(['\u{2019}', '\u{2018}'], "'").replace('\u{a0}', " ");
    LABELS.iter().find(|(known, _)| *known == text).map(|(_, label)| *label)
}

/// States by how their text begins, in lower case; the longer ones first.
const STATES: [(&str, State); 26] = [
    ("unlicensed", State::Unlicensed),
    ("nicht lizenziert", State::Unlicensed),
    ("sans licence", State::Unlicensed),
    ("licensed", State::Licensed),
    ("lizenziert", State::Licensed),
    ("avec licence", State::Licensed),
    ("sous licence", State::Licensed),
    ("initial grace", State::InitialGrace),
    ("oob_grace", State::InitialGrace),
    ("oob grace", State::InitialGrace),
    ("ursprünglicher kulanzzeitraum", State::InitialGrace),
    ("anfänglicher", State::InitialGrace),
    ("période de grâce initiale", State::InitialGrace),
    ("additional grace", State::AdditionalGrace),
    ("oot_grace", State::AdditionalGrace),
    ("oot grace", State::AdditionalGrace),
    ("zusätzlicher", State::AdditionalGrace),
    ("période de grâce supplémentaire", State::AdditionalGrace),
    ("non-genuine grace", State::NonGenuineGrace),
    ("non_genuine_grace", State::NonGenuineGrace),
    ("notification", State::Notification),
    ("benachrichtigung", State::Notification),
    ("extended grace", State::ExtendedGrace),
    ("erweiterter", State::ExtendedGrace),
    ("période de grâce étendue", State::ExtendedGrace),
    ("période de grâce prolongée", State::ExtendedGrace),
];

/// The state that a value names.
pub fn state(text: &str) -> Option<State> {
    let text = text.trim_matches(|c: char| c == '-' || c.is_whitespace()).to_lowercase();
    STATES.iter().find(|(known, _)| text.starts_with(known)).map(|(_, state)| *state)
}

/// The channel that a text names. Descriptions come from licence files, so that they are English everywhere.
pub fn channel(text: &str) -> Option<Channel> {
    const CHANNELS: [(&str, Channel); 11] = [
        ("VOLUME_KMSCLIENT", Channel::Client),
        ("VOLUME:GVLK", Channel::Client),
        ("VOLUME_KMS", Channel::Host),
        ("VOLUME:CSVLK", Channel::Host),
        ("VOLUME_MAK", Channel::Mak),
        ("VOLUME:MAK", Channel::Mak),
        ("TIMEBASED_EVAL", Channel::Evaluation),
        ("OEM_", Channel::Oem),
        ("OEM:", Channel::Oem),
        ("RETAIL CHANNEL", Channel::Retail),
        ("RETAIL(", Channel::Retail),
    ];
    let text = text.to_ascii_uppercase();
    let known = CHANNELS.iter().find(|(known, _)| text.contains(known)).map(|(_, channel)| *channel);
    known.or_else(|| text.split_whitespace().last().filter(|word| *word == "RETAIL").map(|_| Channel::Retail))
}

/// What a sentence of `/xpr` says, in the languages that are known.
pub fn expiry(text: &str) -> Option<State> {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "permanently activated",
        "dauerhaft aktiviert",
        "activé de façon permanente",
        "activée de façon permanente",
        "manière permanente",
        "définitivement activé",
    ]) {
        return Some(State::Licensed);
    }
    if has(&[
        "activation will expire",
        "volumenaktivierung läuft",
        "activation en volume expire",
        "activation du volume expire",
    ]) {
        return Some(State::Licensed);
    }
    if has(&["notification mode", "benachrichtigungsmodus", "mode de notification", "mode notification"]) {
        return Some(State::Notification);
    }
    if !has(&["grace period ends", "kulanzzeitraum endet", "période de grâce se termine", "grâce prend fin"]) {
        return None;
    }
    state(text.trim()).or(Some(State::InitialGrace))
}
