-- What a file has beside picture and sound: text tracks, chapters, tags.

CREATE TABLE text_tracks (
    package_id UUID NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    language   TEXT NOT NULL,             -- RFC 5646, `und` where nobody has said
    role       TEXT NOT NULL,             -- full, sdh, forced
    label      TEXT NOT NULL,
    body       TEXT NOT NULL,             -- WebVTT
    words      TEXT NOT NULL,             -- what search is told of it
    cues       BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (package_id, language, role)
);

CREATE TABLE package_chapters (
    package_id UUID NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    start_ms   BIGINT NOT NULL,
    title      TEXT NOT NULL,
    PRIMARY KEY (package_id, start_ms)
);

-- JSON.
ALTER TABLE packages ADD COLUMN tags TEXT;
-- When the programme begins on the clock of the segments.
ALTER TABLE packages ADD COLUMN programme_start_us BIGINT;

-- Chapters that somebody has typed, or deleted, take the place of the file's.
ALTER TABLE media ADD COLUMN chapters_edited BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE media SET chapters_edited = TRUE WHERE id IN (SELECT media_id FROM chapters);

-- Scripts in tags of languages are written `zh-Hant` (RFC 5646 section 2.1.1), as those of files are.
UPDATE captions SET language = SUBSTR(language, 1, 3) || UPPER(SUBSTR(language, 4, 1)) || SUBSTR(language, 5)
WHERE language LIKE '__-____';
