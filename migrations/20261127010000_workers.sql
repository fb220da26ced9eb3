-- Workers by their own word, for operators and for people whose media wait. Leases are judged by heartbeats of tasks, never by it.

CREATE TABLE workers (
    name         TEXT PRIMARY KEY,        -- unique to a process
    host         TEXT NOT NULL,
    version      TEXT NOT NULL,
    cores        BIGINT NOT NULL,
    memory_bytes BIGINT NOT NULL,         -- what it plans with
    lease_us     BIGINT NOT NULL,         -- silence after which it is taken for dead
    started_us   BIGINT NOT NULL,         -- by the database's clock, as below
    seen_us      BIGINT NOT NULL,         -- its last sign of life
    trouble      TEXT,                    -- disk_full | store_unreachable: why it does not get on
    trouble_us   BIGINT                   -- since when
);

ALTER TABLE tasks ADD COLUMN claimed_us BIGINT;   -- when its last run began
