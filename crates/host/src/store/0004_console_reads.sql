-- What the console reads of clients. Values by which lists are ordered are never null: 0 stands for no lease, and the
-- name is kept once more in lower case, empty where none is sent.
UPDATE client SET lease_expires = 0 WHERE lease_expires IS NULL;
ALTER TABLE client_detail ADD COLUMN name_lower TEXT NOT NULL DEFAULT '';
UPDATE client_detail SET name_lower = lower(name) WHERE name IS NOT NULL;

-- Indexes on `client` are paid for with every request, so there are two. They begin with the edition, so that one of few
-- clients is found among many, and carry what a client's state follows from, so that a filter by it reads nothing else.
-- Within a second clients stand by their number, so that those who ask in their order are written to one place.
CREATE INDEX client_by_asked ON client (publisher, edition, last_asked, number, lease_expires);
CREATE INDEX client_by_end ON client (publisher, edition, lease_expires, number, last_asked);

-- Descriptions are written when they change, and their indexes with them.
CREATE INDEX client_detail_by_name ON client_detail (publisher, name_lower, number);
CREATE INDEX client_detail_by_address ON client_detail (publisher, address, number);
CREATE INDEX client_detail_by_first ON client_detail (publisher, first_asked, number);

-- Set where an administrator has released the client; `last_asked` is then 0, and the client not counted
-- (docs/spec/counting.md, 10).
ALTER TABLE client ADD COLUMN released_at BIGINT;
-- When the holder took the seat, and when an administrator reclaimed it.
ALTER TABLE seat ADD COLUMN taken_at BIGINT;
ALTER TABLE seat ADD COLUMN reclaimed_at BIGINT;

-- Releases by administrators ('released') and what was taken back of them ('kept'), in their order, with the time by which
-- the client was counted: a running writer learns from them whom it counts no more, and whom again.
CREATE TABLE release (
    sequence   INTEGER NOT NULL PRIMARY KEY,
    act        TEXT    NOT NULL,
    publisher  BIGINT  NOT NULL,
    client_id  TEXT    NOT NULL,
    edition    BIGINT  NOT NULL,
    at         BIGINT  NOT NULL,
    asked_at   BIGINT  NOT NULL
);

CREATE INDEX release_by_client ON release (publisher, client_id, edition);

-- The last refusal of a client and edition. Sequences rise with every refusal, and those that lie too far behind the
-- newest are dropped, so that invented clients cannot fill the disk.
CREATE TABLE refusal (
    sequence   INTEGER NOT NULL PRIMARY KEY,
    publisher  BIGINT  NOT NULL,
    client_id  TEXT    NOT NULL,
    edition    BIGINT  NOT NULL,
    code       TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    pool       TEXT,
    address    TEXT    NOT NULL,
    name       TEXT,
    first_at   BIGINT  NOT NULL,
    at         BIGINT  NOT NULL,
    times      BIGINT  NOT NULL
);

CREATE UNIQUE INDEX refusal_by_client ON refusal (publisher, client_id, edition);

-- From where a shared client id was used.
CREATE TABLE shared_address (
    publisher  BIGINT NOT NULL,
    client_id  TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    name       TEXT,
    first_at   BIGINT NOT NULL,
    newest_at  BIGINT NOT NULL,
    times      BIGINT NOT NULL,
    PRIMARY KEY (publisher, client_id, address)
) WITHOUT ROWID;
