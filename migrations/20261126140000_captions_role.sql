-- A language may have three tracks: what is said, that with what is heard (SDH), and what only a foreigner needs (forced).
-- Neither database changes a primary key in place the same way, so the rows move.

ALTER TABLE captions RENAME TO captions_without_role;

CREATE TABLE captions (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    language   TEXT NOT NULL,             -- RFC 5646
    role       TEXT NOT NULL,             -- full, sdh, forced
    label      TEXT NOT NULL,
    body       TEXT NOT NULL,
    words      TEXT NOT NULL,             -- what search is told of it
    cues       BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (media_id, language, role)
);

INSERT INTO captions (media_id, language, role, label, body, words, cues, updated_us)
SELECT media_id, language, 'full', label, body, words, cues, updated_us FROM captions_without_role;

DROP TABLE captions_without_role;
