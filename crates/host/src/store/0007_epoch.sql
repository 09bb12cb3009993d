-- Each time that the ledger went back to an older copy (docs/spec/ledger.md, 3): the epoch that began then, the newest
-- entry of the copy, and when the copy was made.
CREATE TABLE epoch (
    epoch      BIGINT NOT NULL PRIMARY KEY,
    begun_at   BIGINT NOT NULL,
    sequence   BIGINT NOT NULL,
    made_at    BIGINT NOT NULL
);
