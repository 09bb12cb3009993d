-- Why the ledger is known to have gone back: 'backup' was restored, a 'client' showed a lease that is not in it, or the
-- 'mirror' of its head has a newer place; with the place that was shown, and by which client.
ALTER TABLE epoch ADD COLUMN cause TEXT NOT NULL DEFAULT 'backup';
ALTER TABLE epoch ADD COLUMN shown_epoch BIGINT;
ALTER TABLE epoch ADD COLUMN shown_sequence BIGINT;
ALTER TABLE epoch ADD COLUMN client_id TEXT;
