-- Films that are encoded again: which are to be, what is made in the place of what, and what another has taken the place of.
ALTER TABLE packages ADD COLUMN replaces_package_id UUID; -- whose place it is to take, until it has it
ALTER TABLE packages ADD COLUMN replaced_us BIGINT;       -- since when another has its place, or it is to take none any more
ALTER TABLE packages ADD COLUMN profile TEXT;             -- fingerprint of the settings that it was planned with
CREATE UNIQUE INDEX packages_replaces ON packages (replaces_package_id) WHERE replaces_package_id IS NOT NULL;
-- The status comes first: without it SQLite takes another index.
CREATE INDEX packages_replacements ON packages (status, id) WHERE replaces_package_id IS NOT NULL;
CREATE INDEX packages_replaced ON packages (status, replaced_us) WHERE replaced_us IS NOT NULL;

-- Packages that are to be made again. Some dozens at a time have one that is made for them.
CREATE TABLE reencodes (
    package_id UUID PRIMARY KEY REFERENCES packages (id) ON DELETE CASCADE,
    wanted_us  BIGINT NOT NULL,
    left_as    TEXT            -- why it stays as it is after all
);
CREATE INDEX reencodes_waiting ON reencodes (wanted_us, package_id) WHERE left_as IS NULL;
