-- Extents that were stored and never recorded, because whoever stored them died in between, are looked for once after
-- an upload is complete.
ALTER TABLE sources ADD COLUMN swept_us BIGINT;
CREATE INDEX extents_home ON extents (home);
