-- How well films play, as their players tell (CMCD): what is being watched now, and what it came to by day. No address and no
-- account: a session is a keyed hash of the player's own random identifier, and is gone a day after its last report.
CREATE TABLE playback_sessions (
    media_id      UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    session       BYTEA NOT NULL,
    player_state  TEXT NOT NULL,
    at_ms         BIGINT NOT NULL,            -- of the last event, by the player's clock
    next_sequence BIGINT NOT NULL,            -- what is numbered lower has been counted
    rung          TEXT,                       -- the rendition that was being loaded last
    startup_ms    BIGINT NOT NULL DEFAULT 0,  -- spent starting so far
    started       BOOLEAN NOT NULL DEFAULT FALSE,
    failed        BOOLEAN NOT NULL DEFAULT FALSE,
    expires_us    BIGINT NOT NULL,
    PRIMARY KEY (media_id, session)
);
CREATE INDEX playback_sessions_expiry ON playback_sessions (expires_us);

CREATE TABLE playback_quality (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    day        BIGINT NOT NULL,               -- UTC, since the Unix epoch
    sessions   BIGINT NOT NULL DEFAULT 0,
    starts     BIGINT NOT NULL DEFAULT 0,
    startup_ms BIGINT NOT NULL DEFAULT 0,     -- of all starts together
    stalls     BIGINT NOT NULL DEFAULT 0,
    stalled_ms BIGINT NOT NULL DEFAULT 0,
    watched_ms BIGINT NOT NULL DEFAULT 0,
    failures   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (media_id, day)
);
CREATE INDEX playback_quality_day ON playback_quality (day);

-- The same in parts: watched time by rendition, starts by how long they took at most.
CREATE TABLE playback_quality_parts (
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    day      BIGINT NOT NULL,
    part     TEXT NOT NULL,                   -- `rung:` and a rendition, or `start:` and milliseconds
    amount   BIGINT NOT NULL,
    PRIMARY KEY (media_id, day, part)
);
CREATE INDEX playback_quality_parts_day ON playback_quality_parts (day);
