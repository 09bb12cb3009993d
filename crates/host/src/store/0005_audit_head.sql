-- The running hash of the audit (docs/spec/audit.md); empty in entries that were written before there was one.
ALTER TABLE audit ADD COLUMN head TEXT NOT NULL DEFAULT '';
