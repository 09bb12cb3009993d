-- Several servers of one host on one database (docs/spec/ledger.md, 7): each batch of grants, the time that counts from it
-- on, and who was counted in it. A server on a file of its own writes none.
CREATE TABLE batch (
    number  BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    asked   TEXT   NOT NULL
);
-- The public half of the host's signing key, by which a server knows that its own is the right one. There is one row.
CREATE TABLE signer (
    public_key  TEXT NOT NULL PRIMARY KEY
);
