-- Who may use the console and the administration interface. Secrets are here as digests only: passwords as Argon2id in
-- PHC form, the ids of sessions, the secrets of tokens and everything else that is random as SHA-256 in hexadecimal. The
-- secret of one-time codes alone is here as it is, because codes are computed from it.

CREATE TABLE account (
    name           TEXT   NOT NULL PRIMARY KEY,
    role           TEXT   NOT NULL,
    password       TEXT,
    -- The secret of one-time codes in hexadecimal, the last step that was used, and a secret that was offered and does not count
    -- before a code of it was entered.
    totp_secret    TEXT,
    totp_step      BIGINT,
    totp_offered   TEXT,
    -- Whom an OpenID provider knows as this account: the provider's address, a blank, and its name for them.
    openid_subject TEXT   UNIQUE,
    created_at     BIGINT NOT NULL,
    created_by     TEXT   NOT NULL,
    signed_in_at   BIGINT,
    disabled_at    BIGINT
);

-- Codes that stand in for a one-time code, each once.
CREATE TABLE recovery_code (
    digest  TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name)
);

CREATE INDEX recovery_code_by_account ON recovery_code (account);

-- One-time tokens: of nobody, for the first administrator; of an account, for a new password.
CREATE TABLE claim (
    digest     TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   REFERENCES account (name),
    expires_at BIGINT NOT NULL
);

CREATE TABLE session (
    digest        TEXT   NOT NULL PRIMARY KEY,
    account       TEXT   NOT NULL REFERENCES account (name),
    started_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    -- When the person last proved who they are.
    confirmed_at  BIGINT NOT NULL,
    address       TEXT   NOT NULL,
    agent         TEXT   NOT NULL,
    -- What the next page tells.
    notice        TEXT
);

CREATE INDEX session_by_account ON session (account);

CREATE TABLE api_token (
    id            TEXT   NOT NULL PRIMARY KEY,
    digest        TEXT   NOT NULL UNIQUE,
    name          TEXT   NOT NULL,
    account       TEXT   NOT NULL REFERENCES account (name),
    -- Permissions, with blanks between them.
    scopes        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT,
    revoked_at    BIGINT
);

-- Failed attempts to sign in, by account and by address.
CREATE TABLE sign_in_failure (
    subject   TEXT   NOT NULL PRIMARY KEY,
    failures  BIGINT NOT NULL,
    last_at   BIGINT NOT NULL
);

-- Answers to requests with an idempotency key, for a day. Status 0: begun, and its end is not known. No answer: it held a
-- secret, or was too long.
CREATE TABLE idempotency (
    token     TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    -- The digest of method, path, query and body.
    request   TEXT   NOT NULL,
    status    BIGINT NOT NULL,
    answer    TEXT,
    at        BIGINT NOT NULL,
    PRIMARY KEY (token, key)
);

CREATE INDEX idempotency_by_time ON idempotency (at);
