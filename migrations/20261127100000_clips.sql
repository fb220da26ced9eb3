-- A clip is a media with a package of its own, made of another package's segments.

ALTER TABLE packages ADD COLUMN clip_package_id UUID;   -- whose segments it reuses
ALTER TABLE packages ADD COLUMN clip_source_id UUID;    -- the bytes of which its edges are encoded
CREATE INDEX packages_clip_source ON packages (clip_source_id);
CREATE INDEX packages_clip_package ON packages (clip_package_id);
