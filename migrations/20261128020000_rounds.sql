-- What one process does for all: when it is next due, and how far it has come.
CREATE TABLE rounds (
    name     TEXT PRIMARY KEY,
    next_us  BIGINT NOT NULL,
    after_id UUID                 -- of what is gone through in parts, the last that was looked at
);
-- What sweeps and workers look for, without all that is stored and done: the status comes first, without it SQLite takes another index.
CREATE INDEX sources_unswept ON sources (status, id) WHERE swept_us IS NULL;
CREATE INDEX packages_unswept ON packages (status, id) WHERE swept_us IS NULL;
CREATE INDEX tasks_claimed ON tasks (status, worker) WHERE status = 'running';
