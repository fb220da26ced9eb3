-- Captions of media, as WebVTT. Their text is small, so it lies beside its row and goes with it.

CREATE TABLE captions (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    language   TEXT NOT NULL,             -- RFC 5646
    label      TEXT NOT NULL,
    body       TEXT NOT NULL,
    words      TEXT NOT NULL,             -- what search is told of it
    cues       BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (media_id, language)
);
