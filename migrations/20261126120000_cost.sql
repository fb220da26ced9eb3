-- What encoding costs, by estimate, and what of it counts towards a day.

-- Milliseconds of one core, as estimated when it was planned; 0 while it is not.
ALTER TABLE packages ADD COLUMN cost_ms BIGINT NOT NULL DEFAULT 0;
-- Milliseconds of one core that were planned for the account's media on that day.
ALTER TABLE daily_bytes ADD COLUMN encode_ms BIGINT NOT NULL DEFAULT 0;
