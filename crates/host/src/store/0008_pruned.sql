-- Up to where the ledger was pruned (docs/spec/ledger.md, 6): the newest entry that is gone, the running hash behind it, and
-- when that was. There is one row at most.
CREATE TABLE pruned (
    sequence   BIGINT NOT NULL PRIMARY KEY,
    head       TEXT   NOT NULL,
    pruned_at  BIGINT NOT NULL
);
