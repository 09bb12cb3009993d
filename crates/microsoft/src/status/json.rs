//! Output as JSON: `Get-KmsLicenseInfo | ConvertTo-Json`, and the WMI classes that it reads.

use serde_json::{Map, Value};

use super::words;
use super::{AskedHost, PRODUCTS_MAX, Product, Serving, State};

/// Products, if the text is JSON at all.
pub fn read(text: &str) -> Option<Vec<Product>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let products = match serde_json::from_str(text).ok()? {
        Value::Array(values) => values.iter().filter_map(Value::as_object).take(PRODUCTS_MAX).map(product).collect(),
        Value::Object(object) => vec![product(&object)],
        _ => Vec::new(),
    };
    Some(products)
}

fn product(object: &Map<String, Value>) -> Product {
    let text = |name: &str| text(object, name);
    let number = |name: &str| text(name)?.parse::<u64>().ok();
    let description = text("Description").unwrap_or_default();
    let channel = words::channel(&description).or_else(|| words::channel(&text("ProductKeyChannel")?));
    Product {
        name: text("Name").unwrap_or_default(),
        channel,
        activation_id: text("ID"),
        last_five: text("PartialProductKey"),
        state: text("LicenseStatus").and_then(|value| state(&value)),
        codes: number("LicenseStatusReason")
            .and_then(|code| u32::try_from(code).ok())
            .filter(|code| *code >= 0x8000_0000)
            .into_iter()
            .collect(),
        minutes_left: number("GracePeriodRemaining"),
        client_id: text("ClientMachineID").map(|id| id.to_ascii_lowercase()),
        host: host(object),
        activation_minutes: number("VLActivationInterval"),
        renewal_minutes: number("VLRenewalInterval"),
        serving: serving(object),
    }
}

/// A value as text. What is not available is absent: null, empty, `N/A`, -1, and the largest number, as WMI has it.
fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    let value = object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)?;
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    (!["", "N/A", "-1", "4294967295"].contains(&text.as_str())).then_some(text)
}

fn state(value: &str) -> Option<State> {
    match value {
        "0" => Some(State::Unlicensed),
        "1" => Some(State::Licensed),
        "2" => Some(State::InitialGrace),
        "3" => Some(State::AdditionalGrace),
        "4" => Some(State::NonGenuineGrace),
        "5" => Some(State::Notification),
        "6" => Some(State::ExtendedGrace),
        other => words::state(other),
    }
}

fn host(object: &Map<String, Value>) -> Option<AskedHost> {
    let text = |name: &str| text(object, name);
    let with_port =
        |name: String, port: Option<String>| format!("{name}:{}", port.unwrap_or_else(|| "1688".to_owned()));
    if let Some(name) = text("KeyManagementServiceMachine") {
        return Some(AskedHost::Named(with_port(name, text("KeyManagementServicePort"))));
    }
    let name = text("DiscoveredKeyManagementServiceMachineName")?;
    Some(AskedHost::Dns(with_port(name, text("DiscoveredKeyManagementServiceMachinePort"))))
}

/// A machine that is no host has no count and says that it is none.
fn serving(object: &Map<String, Value>) -> Option<Serving> {
    let text = |name: &str| text(object, name);
    let number = |name: &str| text(name)?.parse::<u64>().ok();
    let flag = |name: &str| text(name).map(|value| matches!(value.to_lowercase().as_str(), "true" | "1" | "enabled"));
    let is_host = text("IsKeyManagementServiceMachine")
        .is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "true"));
    let count = number("KeyManagementServiceCurrentCount");
    if !is_host && count.is_none() {
        return None;
    }
    Some(Serving {
        count,
        port: number("KeyManagementServiceListeningPort"),
        publishes: flag("KeyManagementServiceDnsPublishing"),
        is_low_priority: flag("KeyManagementServiceLowPriority"),
        requests: number("KeyManagementServiceTotalRequests"),
        failed: number("KeyManagementServiceFailedRequests"),
    })
}
