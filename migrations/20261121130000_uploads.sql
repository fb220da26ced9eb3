-- Resumable uploads.

-- An upload that is still arriving, or has just been completed. Its bytes are the extents of its source.
CREATE TABLE uploads (
    id           UUID PRIMARY KEY,
    owner_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    source_id    UUID NOT NULL,
    length_bytes BIGINT,                  -- unknown while deferred
    offset_bytes BIGINT NOT NULL,         -- bytes that are stored and recorded
    metadata     TEXT NOT NULL,           -- JSON
    part         BOOLEAN NOT NULL,        -- to be concatenated; makes no media of its own
    holder       UUID,                    -- the newest request; an older one changes nothing any more
    media_id     UUID,                    -- once complete
    created_us   BIGINT NOT NULL,
    expires_us   BIGINT NOT NULL
);
CREATE INDEX uploads_owner ON uploads (owner_id, media_id);
CREATE INDEX uploads_expiry ON uploads (expires_us);

-- The source under whose prefix the object was stored, where it is another one: concatenation moves rows,
-- not bytes.
ALTER TABLE extents ADD COLUMN home UUID;

-- Bytes that an account announced on a day (UTC, days since the epoch).
CREATE TABLE daily_bytes (
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day        BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (user_id, day)
);
