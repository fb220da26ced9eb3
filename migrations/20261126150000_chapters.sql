-- Chapters that a media's owner has typed.

CREATE TABLE chapters (
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    start_ms BIGINT NOT NULL,
    title    TEXT NOT NULL,
    PRIMARY KEY (media_id, start_ms)
);
