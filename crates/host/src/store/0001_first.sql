-- The host's database. Times are seconds since 1970 in UTC, ids and hashes are hexadecimal, documents are Base64.

CREATE TABLE host (
    host_id     TEXT   NOT NULL PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    probed_at   BIGINT NOT NULL
);

-- A publisher whose products this host activates. `number` stands for it in the large tables.
CREATE TABLE publisher (
    number            INTEGER NOT NULL PRIMARY KEY,
    id                TEXT    NOT NULL UNIQUE,
    trust             TEXT    NOT NULL,
    pack              TEXT    NOT NULL,
    added_at          BIGINT  NOT NULL
);

CREATE TABLE host_key (
    publisher     BIGINT NOT NULL REFERENCES publisher (number),
    key_id        TEXT   NOT NULL,
    product_key   TEXT   NOT NULL,
    installed_at  BIGINT NOT NULL,
    PRIMARY KEY (publisher, key_id)
);

-- The newest entitlement of each host key, with the issuers it needs. `request` is what was last asked, answered or not.
CREATE TABLE entitlement (
    publisher    BIGINT NOT NULL,
    key_id       TEXT   NOT NULL,
    request      TEXT   NOT NULL,
    requested_at BIGINT NOT NULL,
    answer       TEXT,
    PRIMARY KEY (publisher, key_id),
    FOREIGN KEY (publisher, key_id) REFERENCES host_key (publisher, key_id)
);

-- What changes with every request of a client. Rows lie in the order in which clients first came: where they come in about
-- that order again, a batch of renewals is written to few pages. By their ids each would be on a page of its own.
CREATE TABLE client (
    number          INTEGER NOT NULL PRIMARY KEY,
    publisher       BIGINT NOT NULL,
    client_id       TEXT   NOT NULL,
    edition         BIGINT NOT NULL,
    client_key      TEXT   NOT NULL,
    counter         BIGINT NOT NULL,
    request_id      TEXT   NOT NULL,
    answered_by     BIGINT,
    last_asked      BIGINT NOT NULL,
    lease_sequence  BIGINT,
    lease_expires   BIGINT,
    detail_digest   BIGINT NOT NULL,
    UNIQUE (publisher, client_id, edition)
);

-- What describes a client, by the client's number, written when it changes.
CREATE TABLE client_detail (
    number           INTEGER NOT NULL PRIMARY KEY,
    publisher        BIGINT NOT NULL,
    first_asked      BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,
    address          TEXT   NOT NULL,
    name             TEXT,
    system           TEXT,
    product_version  TEXT
);

CREATE TABLE pool (
    publisher     BIGINT NOT NULL,
    pool          TEXT   NOT NULL,
    newest_fence  BIGINT NOT NULL,
    PRIMARY KEY (publisher, pool)
) WITHOUT ROWID;

CREATE TABLE seat (
    publisher  BIGINT NOT NULL,
    pool       TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    fence      BIGINT NOT NULL,
    free_at    BIGINT NOT NULL,
    PRIMARY KEY (publisher, pool, client_id)
) WITHOUT ROWID;

CREATE INDEX seat_by_end ON seat (publisher, pool, free_at);

-- The ledger: appended to, never changed. Each entry is the record of one grant or release.
CREATE TABLE ledger (
    sequence     INTEGER NOT NULL PRIMARY KEY,
    epoch        BIGINT  NOT NULL,
    recorded_at  BIGINT  NOT NULL,
    kind         TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    head         TEXT    NOT NULL
);

-- Requests per hour and outcome ('granted', 'released', or the code of the refusal).
CREATE TABLE tally (
    hour       BIGINT NOT NULL,
    publisher  BIGINT NOT NULL,
    outcome    TEXT   NOT NULL,
    requests   BIGINT NOT NULL,
    PRIMARY KEY (hour, publisher, outcome)
) WITHOUT ROWID;

-- What administrators did.
CREATE TABLE audit (
    sequence  INTEGER NOT NULL PRIMARY KEY,
    at        BIGINT  NOT NULL,
    actor     TEXT    NOT NULL,
    act       TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    detail    TEXT    NOT NULL
);
