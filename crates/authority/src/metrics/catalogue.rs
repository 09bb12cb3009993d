//! Every metric by name. Names and units follow the conventions of Prometheus; `docs/reference/authority-metrics.md` is made
//! of this.

use keymuster_service::metrics;
use keymuster_service::metrics::Metric;

metrics! {
    BUILD_INFO = Metric::gauge("keymuster_authority_build_info", &["version"], "Always 1; the label says which version runs.");
    START_TIME = Metric::gauge("keymuster_authority_start_time_seconds", &[],
        "When the server was started, in seconds since 1970.");
    TIME = Metric::gauge("keymuster_authority_time_seconds", &[],
        "The authority's clock, in seconds since 1970, as documents are dated by it.");
    UNAVAILABLE = Metric::gauge("keymuster_authority_unavailable", &[],
        "Whether the database cannot be written: 1 or 0. It is tried by a write.");
    DECISIONS = Metric::counter("keymuster_authority_decisions", &["kind"],
        "What was decided since the authority was made; it goes on over a restart.");
    CUSTOMERS = Metric::gauge("keymuster_authority_customers", &[], "Customers.");
    HOSTS = Metric::gauge("keymuster_authority_hosts", &[], "Hosts that have an entitlement and are not revoked.");
    HOSTS_ENDING = Metric::gauge("keymuster_authority_ending_hosts", &[],
        "Hosts whose newest entitlement ends within 30 days: they have not asked for the next one.");
    KEYS = Metric::gauge("keymuster_authority_keys", &[], "Product keys that are not revoked.");
    MAKS_LOW = Metric::gauge("keymuster_authority_low_maks", &[],
        "Multiple-activation keys of which at least four fifths are used.");
    PROPOSALS = Metric::gauge("keymuster_authority_waiting_proposals", &[], "Acts that wait for a second person.");
    ISSUER_ENDS = Metric::gauge("keymuster_authority_issuer_end_timestamp_seconds", &[],
        "Until when the issuer key may sign; nothing is answered from then on.");
    CATALOGUE_VERSION = Metric::gauge("keymuster_authority_catalogue_version", &[],
        "The version of the newest catalogue; 0 where none was signed.");
    REVOCATIONS = Metric::gauge("keymuster_authority_revocation_list_sequence", &[],
        "The number of the newest revocation list; 0 where nothing was revoked.");
    TLS_ENDS = Metric::gauge("keymuster_authority_tls_certificate_end_timestamp_seconds", &[],
        "When the certificate ends that is shown.");
    TLS_FAILING = Metric::gauge("keymuster_authority_tls_failing", &[],
        "Whether the certificate that is set cannot be used or renewed: 1 or 0. What was shown before goes on.");
    DATABASE = Metric::gauge("keymuster_authority_database_size_bytes", &[], "Size of the database and its log.");
}

/// What the labels say.
pub(super) const LABELS: &[(&str, &str)] = &[
    ("kind", "`activation` (by a multiple-activation key), `entitlement` (of a host) or `refusal`"),
    ("version", "the program's version"),
];

/// How the page of the reference begins.
pub(super) const HEAD: &str = "\
<!-- Generated from crates/authority/src/metrics/catalogue.rs; `UPDATE=1 cargo test -p keymuster-authority --test metrics_reference` rewrites this file. -->

# Metrics of an authority

`GET /metrics` on the listener of administrators answers with these as OpenMetrics text, to whoever sends a token with the scope `look`.
[The guide](../guides/monitoring.md) sets up Prometheus, alerts and a dashboard.

No label names a customer, a host or a client, so the number of series does not grow with them.
What is called a timestamp is in seconds since 1970, and has no series where there is no such time.

## Metrics
";
