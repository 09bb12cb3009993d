//! Every metric by name. Names and units follow the conventions of Prometheus; `docs/reference/metrics.md` is made of this.

use super::{Kind, Metric};

const fn metric(kind: Kind, name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    metric(Kind::Gauge, name, labels, help)
}

/// Declares the metrics and, in the same order, the list of all.
macro_rules! metrics {
    ($($name:ident = $metric:expr;)+) => {
        $(pub(super) static $name: Metric = $metric;)+
        /// All of them, as the reference shows them.
        pub(super) static ALL: &[&Metric] = &[$(&$name),+];
    };
}

metrics! {
    BUILD_INFO = gauge("keymuster_host_build_info", &["version"], "Always 1; the label says which version runs.");
    START_TIME = gauge("keymuster_host_start_time_seconds", &[], "When the server was started, in seconds since 1970.");
    TIME = gauge("keymuster_host_time_seconds", &[], "The host's clock, in seconds since 1970, as leases are dated by it.");
    ANSWERS = gauge("keymuster_host_answers_clients", &[], "Whether the address of clients answers: 1 or 0.");
    UNAVAILABLE = gauge("keymuster_host_unavailable", &["reason"],
        "Whether requests cannot be decided now, for this reason: 1 or 0. It is tried by a write to the database.");
    REQUESTS = metric(Kind::Counter, "keymuster_host_requests", &["publisher", "outcome"],
        "Requests of clients that were decided, since the host was made; it goes on over a restart.");
    QUEUE = gauge("keymuster_host_queue_requests", &[], "Requests that wait to be decided.");
    QUEUE_MAX = gauge("keymuster_host_queue_max_requests", &[],
        "How many may wait; the next ones are told to come back.");
    COMMITS = metric(Kind::Histogram, "keymuster_host_commit_duration_seconds", &[],
        "How long the transactions took in which requests were decided, since the server was started.");
    CONNECTIONS = gauge("keymuster_host_connections", &[], "Connections of clients that are open.");
    CONNECTIONS_MAX = gauge("keymuster_host_max_connections", &[],
        "How many may be open; none is refused, the next ones wait in the kernel's queue.");
    COUNTED = gauge("keymuster_host_family_counted_clients", &["publisher", "family"],
        "Distinct clients that are counted in a family.");
    THRESHOLD = gauge("keymuster_host_family_threshold_clients", &["publisher", "family", "threshold"],
        "How many clients editions of the family need; the label has the same number, as editions may need different ones.");
    SILENT = gauge("keymuster_host_family_silent_clients", &["publisher", "family"],
        "Counted clients that have missed two renewals.");
    FALLS_BELOW = gauge("keymuster_host_family_falls_below_threshold_timestamp_seconds", &["publisher", "family"],
        "When the count falls below a threshold that is reached now, if the silent clients stay silent. Absent where it does not.");
    CLIENTS = gauge("keymuster_host_clients", &["publisher", "edition", "state"],
        "Clients by edition and state. Absent for the moment in which a large ledger is first read.");
    SEATS = gauge("keymuster_host_pool_seats", &["publisher", "pool"], "Seats of a pool.");
    SEATS_HELD = gauge("keymuster_host_pool_held_seats", &["publisher", "pool"], "Seats of a pool that are held.");
    ENTITLEMENT_WARNS = gauge("keymuster_host_entitlement_warning_timestamp_seconds", &["publisher", "key"],
        "From when on an entitlement is to be renewed.");
    ENTITLEMENT_ENDS = gauge("keymuster_host_entitlement_end_timestamp_seconds", &["publisher", "key"],
        "When an entitlement ends; nothing is granted by it from then on.");
    DNS_PUBLISHING = gauge("keymuster_host_dns_publishing", &[], "Whether the host is set to publish itself in DNS: 1 or 0.");
    DNS_FAILING = gauge("keymuster_host_dns_failing", &[],
        "Whether what is set about DNS cannot be used, or the last attempt to publish it failed: 1 or 0.");
    DNS_PUBLISHED = gauge("keymuster_host_dns_last_success_timestamp_seconds", &[],
        "When the records in DNS were last brought to what is set. Absent before the first time since the start.");
    LEDGER_SEQUENCE = gauge("keymuster_host_ledger_sequence", &[], "The number of the newest entry of the ledger.");
    LEDGER_EPOCH = gauge("keymuster_host_ledger_epoch", &[], "The epoch of the ledger; a restored copy begins another one.");
    LEDGER_NEWEST = gauge("keymuster_host_ledger_newest_entry_timestamp_seconds", &[],
        "The time of the newest entry of the ledger. Absent while it is empty.");
    DATABASE = gauge("keymuster_host_database_size_bytes", &[], "Size of the database and its log.");
}

/// What the labels say.
pub(super) const LABELS: &[(&str, &str)] = &[
    ("edition", "an edition's id in the publisher's catalogue"),
    ("family", "a family's id in the publisher's catalogue"),
    ("key", "the last five symbols of a host key"),
    (
        "outcome",
        "`granted`, `released`, `reported`, `activated`, or the name of the code with which requests were refused (`keymuster \
         explain NAME`)",
    ),
    ("pool", "a pool's id in the entitlement"),
    ("publisher", "a publisher's id"),
    ("reason", "`read-only`, `busy`, `clock-behind`, `damaged` or `failed`"),
    (
        "state",
        "`licensed`, `overdue`, `ending`, `ended`, `returned`, `refused` or `released`, as in the list of clients",
    ),
    ("threshold", "a number of clients"),
    ("version", "the program's version"),
];
