//! Every metric by name. Names and units follow the conventions of Prometheus; `docs/reference/metrics.md` is made of this.

use keymuster_service::metrics;
use keymuster_service::metrics::Metric;

metrics! {
    BUILD_INFO = Metric::gauge("keymuster_host_build_info", &["version"], "Always 1; the label says which version runs.");
    START_TIME = Metric::gauge("keymuster_host_start_time_seconds", &[], "When the server was started, in seconds since 1970.");
    TIME = Metric::gauge("keymuster_host_time_seconds", &[], "The host's clock, in seconds since 1970, as leases are dated by it.");
    ANSWERS = Metric::gauge("keymuster_host_answers_clients", &[], "Whether the address of clients answers: 1 or 0.");
    UNAVAILABLE = Metric::gauge("keymuster_host_unavailable", &["reason"],
        "Whether requests cannot be decided now, for this reason: 1 or 0. It is tried by a write to the database.");
    REQUESTS = Metric::counter("keymuster_host_requests", &["publisher", "outcome"],
        "Requests of clients that were decided, since the host was made; it goes on over a restart.");
    QUEUE = Metric::gauge("keymuster_host_queue_requests", &[], "Requests that wait to be decided.");
    QUEUE_MAX = Metric::gauge("keymuster_host_queue_max_requests", &[],
        "How many may wait; the next ones are told to come back.");
    COMMITS = Metric::histogram("keymuster_host_commit_duration_seconds",
        "How long the transactions took in which requests were decided, since the server was started.");
    CONNECTIONS = Metric::gauge("keymuster_host_connections", &[], "Connections of clients that are open.");
    CONNECTIONS_MAX = Metric::gauge("keymuster_host_max_connections", &[],
        "How many may be open; none is refused, the next ones wait in the kernel's queue.");
    COUNTED = Metric::gauge("keymuster_host_family_counted_clients", &["publisher", "family"],
        "Distinct clients that are counted in a family.");
    THRESHOLD = Metric::gauge("keymuster_host_family_threshold_clients", &["publisher", "family", "threshold"],
        "How many clients editions of the family need; the label has the same number, as editions may need different ones.");
    SILENT = Metric::gauge("keymuster_host_family_silent_clients", &["publisher", "family"],
        "Counted clients that have missed two renewals.");
    FALLS_BELOW = Metric::gauge("keymuster_host_family_falls_below_threshold_timestamp_seconds", &["publisher", "family"],
        "When the count falls below a threshold that is reached now, if the silent clients stay silent. Absent where it does not.");
    CLIENTS = Metric::gauge("keymuster_host_clients", &["publisher", "edition", "state"],
        "Clients by edition and state. Absent for the moment in which a large ledger is first read.");
    SEATS = Metric::gauge("keymuster_host_pool_seats", &["publisher", "pool"], "Seats of a pool.");
    SEATS_HELD = Metric::gauge("keymuster_host_pool_held_seats", &["publisher", "pool"], "Seats of a pool that are held.");
    ENTITLEMENT_WARNS = Metric::gauge("keymuster_host_entitlement_warning_timestamp_seconds", &["publisher", "key"],
        "From when on an entitlement is to be renewed.");
    ENTITLEMENT_ENDS = Metric::gauge("keymuster_host_entitlement_end_timestamp_seconds", &["publisher", "key"],
        "When an entitlement ends; nothing is granted by it from then on.");
    DNS_PUBLISHING = Metric::gauge("keymuster_host_dns_publishing", &[], "Whether the host is set to publish itself in DNS: 1 or 0.");
    DNS_FAILING = Metric::gauge("keymuster_host_dns_failing", &[],
        "Whether what is set about DNS cannot be used, or the last attempt to publish it failed: 1 or 0.");
    DNS_PUBLISHED = Metric::gauge("keymuster_host_dns_last_success_timestamp_seconds", &[],
        "When the records in DNS were last brought to what is set. Absent before the first time since the start.");
    LEDGER_SEQUENCE = Metric::gauge("keymuster_host_ledger_sequence", &[], "The number of the newest entry of the ledger.");
    LEDGER_EPOCH = Metric::gauge("keymuster_host_ledger_epoch", &[], "The epoch of the ledger; a restored copy begins another one.");
    LEDGER_NEWEST = Metric::gauge("keymuster_host_ledger_newest_entry_timestamp_seconds", &[],
        "The time of the newest entry of the ledger. Absent while it is empty.");
    TLS_ENDS = Metric::gauge("keymuster_host_tls_certificate_end_timestamp_seconds", &[],
        "When the certificate ends that browsers and tools are shown.");
    TLS_FAILING = Metric::gauge("keymuster_host_tls_failing", &[],
        "Whether the administrator's certificate cannot be used or renewed: 1 or 0. What was shown before goes on.");
    RPC_HELLOS = Metric::counter("keymuster_host_windows_hellos", &[],
        "Windows machines that took this host for one of Microsoft's KMS and were turned away, since the host was made.");
    DATABASE = Metric::gauge("keymuster_host_database_size_bytes", &[], "Size of the database and its log.");
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

/// How the page of the reference begins.
pub(super) const HEAD: &str = "\
<!-- Generated from crates/host/src/metrics/catalogue.rs; `UPDATE=1 cargo test -p keymuster-host --test metrics_reference` rewrites this file. -->

# Metrics of a host

`GET /metrics` on the listener of administrators answers with these as OpenMetrics text, to whoever sends a token with the scope `look`.
[The guide](../guides/monitoring.md) sets up Prometheus, alerts and a dashboard.

No label names a client, so the number of series does not grow with the number of machines.
What is called a timestamp is in seconds since 1970, and has no series where there is no such time.

## Metrics
";
