-- Pictures of people, playlists and categories. Their bytes are objects of the store.

CREATE TABLE pictures (
    id         UUID PRIMARY KEY,
    kind       TEXT NOT NULL,             -- avatar | banner | cover | category
    owner_id   UUID NOT NULL,             -- a user, a playlist, a category
    width      BIGINT NOT NULL,
    height     BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    -- Set: nobody is shown it, and the sweep removes it from then on.
    doomed_us  BIGINT
);
CREATE UNIQUE INDEX pictures_shown ON pictures (owner_id, kind) WHERE doomed_us IS NULL;
CREATE INDEX pictures_doomed ON pictures (doomed_us) WHERE doomed_us IS NOT NULL;
