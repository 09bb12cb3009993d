-- What administrators look at and decide (docs/spec/authority-records.md).

-- The sum of the activations' counts, so that nobody adds up a million rows to tell what is left.
ALTER TABLE product_key ADD COLUMN activations_used BIGINT NOT NULL DEFAULT 0;
UPDATE product_key SET activations_used =
    (SELECT COALESCE(SUM(counted), 0) FROM activation WHERE activation.product_key = product_key.id);
-- The form it was minted with: sent twice, it mints one key.
ALTER TABLE product_key ADD COLUMN order_id TEXT;
CREATE UNIQUE INDEX product_key_order ON product_key (order_id);
CREATE INDEX product_key_age ON product_key (minted_at, id);

CREATE INDEX host_customer ON host (customer, id);
CREATE INDEX host_last_seen ON host (last_seen_at, id);
CREATE INDEX entitlement_stop ON entitlement (stop_at);

-- How often something happened on a day, counted from 1970-01-01 on.
CREATE TABLE day_tally (
    day BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('activation', 'entitlement', 'refusal')),
    times BIGINT NOT NULL,
    PRIMARY KEY (day, kind)
);
INSERT INTO day_tally (day, kind, times)
    SELECT first_at / 86400, 'activation', SUM(counted) FROM activation GROUP BY first_at / 86400;
INSERT INTO day_tally (day, kind, times)
    SELECT issued_at / 86400, 'entitlement', COUNT(id) FROM entitlement GROUP BY issued_at / 86400;

-- The newest refusals of each customer; those of the same request by the same machine are one row.
CREATE TABLE refusal (
    -- Empty where the request did not lead to one.
    customer TEXT NOT NULL,
    -- The id of the key, empty where none could be read.
    product_key TEXT NOT NULL,
    -- The host or client that asked.
    subject TEXT NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('host', 'client')),
    name TEXT,
    actor TEXT NOT NULL,
    detail TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    -- Rises with every refusal, so that the newest are found.
    sequence BIGINT NOT NULL UNIQUE,
    PRIMARY KEY (customer, product_key, subject, code)
);
CREATE INDEX refusal_customer ON refusal (customer, sequence);

-- What was taken back, or is to be: acts above the limit wait here for a second person.
CREATE TABLE proposal (
    number BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('revoke-key', 'revoke-host', 'stop-customer', 'set-limits')),
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- What it takes away.
    hosts BIGINT NOT NULL,
    machines BIGINT NOT NULL,
    proposed_at BIGINT NOT NULL,
    -- The person, and how the audit names them.
    person TEXT NOT NULL,
    actor TEXT NOT NULL,
    -- Absent while it waits; `done` needed nobody else.
    outcome TEXT CHECK (outcome IN ('done', 'confirmed', 'withdrawn', 'expired')),
    ended_at BIGINT,
    ended_by TEXT
);
CREATE INDEX proposal_person ON proposal (person, ended_at);

-- The newest answers to requests that administrators carried here.
CREATE TABLE response (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('host', 'client', 'time', 'exchange')),
    subject TEXT NOT NULL,
    customer TEXT,
    summary TEXT NOT NULL,
    file TEXT NOT NULL
);
CREATE INDEX response_age ON response (at, id);

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
