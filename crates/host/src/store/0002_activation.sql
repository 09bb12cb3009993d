-- What the customer chose; publisher 0 stands for the host itself.
CREATE TABLE setting (
    publisher  BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    set_at     BIGINT NOT NULL,
    set_by     TEXT   NOT NULL,
    PRIMARY KEY (publisher, name)
);

-- Requests since the host was made: 'total', 'failed', and one counter for each standing that clients asked in.
CREATE TABLE counter (
    publisher  BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    requests   BIGINT NOT NULL,
    PRIMARY KEY (publisher, name)
) WITHOUT ROWID;

-- Client ids by which more than one machine, or a machine and its restored copy, has asked.
CREATE TABLE shared_identity (
    publisher      BIGINT NOT NULL,
    client_id      TEXT   NOT NULL,
    first_at       BIGINT NOT NULL,
    newest_at      BIGINT NOT NULL,
    times          BIGINT NOT NULL,
    address        TEXT   NOT NULL,
    other_address  TEXT   NOT NULL,
    PRIMARY KEY (publisher, client_id)
) WITHOUT ROWID;

-- Requests for activations by a MAK, of machines that cannot reach the authority, and what became of them.
CREATE TABLE collected (
    publisher     BIGINT NOT NULL,
    client_id     TEXT   NOT NULL,
    edition       BIGINT NOT NULL,
    request_id    TEXT   NOT NULL,
    request       TEXT   NOT NULL,
    address       TEXT   NOT NULL,
    name          TEXT,
    collected_at  BIGINT NOT NULL,
    exported_at   BIGINT,
    answered_at   BIGINT,
    answer        TEXT,
    refusal       TEXT,
    detail        TEXT,
    PRIMARY KEY (publisher, client_id, edition)
) WITHOUT ROWID;
