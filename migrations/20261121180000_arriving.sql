-- Media exist from the start of their upload; parts go straight to the store; imports; early starts.

-- How bytes come: tus | form | presigned | import.
ALTER TABLE uploads ADD COLUMN kind TEXT NOT NULL DEFAULT 'tus';
-- `media_id` is now set from the start (but for parts and forms); this says that it is complete.
ALTER TABLE uploads ADD COLUMN completed_us BIGINT;
UPDATE uploads SET completed_us = created_us WHERE media_id IS NOT NULL;
DROP INDEX uploads_owner;
CREATE INDEX uploads_owner ON uploads (owner_id, completed_us);
CREATE INDEX uploads_source ON uploads (source_id);
CREATE INDEX uploads_media ON uploads (media_id);
-- What was announced: size of a part and media type (presigned), SHA-256 of the whole.
ALTER TABLE uploads ADD COLUMN part_bytes BIGINT;
ALTER TABLE uploads ADD COLUMN content_type TEXT;
ALTER TABLE uploads ADD COLUMN checksum BYTEA;
-- URLs that were signed for its parts.
ALTER TABLE uploads ADD COLUMN signed BIGINT NOT NULL DEFAULT 0;
-- The strong ETag of what is imported, so that a cut download goes on.
ALTER TABLE uploads ADD COLUMN validator TEXT;

-- Bytes it will have, while they arrive.
ALTER TABLE sources ADD COLUMN total_bytes BIGINT;
-- Until then a signed URL may still write below its prefix.
ALTER TABLE sources ADD COLUMN open_until_us BIGINT NOT NULL DEFAULT 0;

-- A task waits until so many bytes of its source are there.
ALTER TABLE tasks ADD COLUMN needs_bytes BIGINT NOT NULL DEFAULT 0;
