-- Times are seconds since 1970 in UTC. Ids and public keys are hexadecimal, documents Base64 of their signed bytes.
-- Documents are kept whole and signed: a repeated request gets the same bytes even after the issuer was renewed.

CREATE TABLE publisher (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    -- Written by the readiness check, for no other reason than to write.
    checked_at BIGINT NOT NULL
);

CREATE TABLE issuer (
    signer TEXT NOT NULL PRIMARY KEY,
    not_before BIGINT NOT NULL,
    sign_until BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    certificate TEXT NOT NULL
);

CREATE TABLE catalogue (
    version BIGINT NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE customer (
    slug TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    stopped_at BIGINT,
    stop_reason TEXT
);

-- The secret keys of customers, without their tags: those follow from the secret of the key files.
CREATE TABLE product_key (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('host', 'mak')),
    customer TEXT NOT NULL REFERENCES customer (slug),
    -- The group of a host key, the edition of a MAK.
    number BIGINT NOT NULL,
    serial BIGINT NOT NULL,
    minted_at BIGINT NOT NULL,
    -- For a host key per host, for a MAK altogether.
    activations_max BIGINT NOT NULL,
    -- How long an entitlement or an activation lasts; absent for a MAK means for ever.
    term_secs BIGINT,
    -- The next three are for host keys only.
    hosts_max BIGINT,
    clients_max BIGINT,
    threshold BIGINT,
    revoked_at BIGINT,
    revoke_reason TEXT
);

CREATE INDEX product_key_customer ON product_key (customer);

CREATE TABLE pool (
    product_key TEXT NOT NULL REFERENCES product_key (id),
    id TEXT NOT NULL,
    edition BIGINT NOT NULL,
    seats BIGINT NOT NULL,
    term_secs BIGINT NOT NULL,
    guard_secs BIGINT NOT NULL,
    PRIMARY KEY (product_key, id)
);

CREATE TABLE host (
    id TEXT NOT NULL PRIMARY KEY,
    host_key TEXT NOT NULL,
    -- That of the newest entitlement.
    customer TEXT NOT NULL REFERENCES customer (slug),
    name TEXT,
    clients BIGINT,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoke_reason TEXT
);

CREATE TABLE entitlement (
    id TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL UNIQUE,
    product_key TEXT NOT NULL REFERENCES product_key (id),
    host TEXT NOT NULL REFERENCES host (id),
    issued_at BIGINT NOT NULL,
    stop_at BIGINT NOT NULL,
    document TEXT NOT NULL
);

CREATE INDEX entitlement_product_key ON entitlement (product_key, host);
CREATE INDEX entitlement_host ON entitlement (host);

-- One row per MAK and client: its newest activation, and how often it was counted.
CREATE TABLE activation (
    product_key TEXT NOT NULL REFERENCES product_key (id),
    client_key TEXT NOT NULL,
    client TEXT NOT NULL,
    request TEXT NOT NULL UNIQUE,
    counted BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (product_key, client_key)
);

CREATE TABLE revocation_list (
    sequence BIGINT NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
