-- Which track of its media a sound is: renditions of one track share a position, the first position is the default.
ALTER TABLE renditions ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN language TEXT;                              -- BCP 47
ALTER TABLE renditions ADD COLUMN label TEXT;
ALTER TABLE renditions ADD COLUMN track_role TEXT NOT NULL DEFAULT 'main';
