-- Still pictures of packages: the poster, and the tiles of the storyboard. Their bytes are objects of the store, beside the
-- renditions.

CREATE TABLE images (
    package_id UUID NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,             -- poster | sheet
    number     BIGINT NOT NULL,           -- of a sheet: its first tile; else 0
    object     TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    width      BIGINT NOT NULL,
    height     BIGINT NOT NULL,
    -- What a poster is worth, 0 to 1000: a better one takes its place.
    appeal     BIGINT NOT NULL,
    -- When each tile of a sheet is shown, milliseconds from the begin of the film: a JSON array.
    times_ms   TEXT NOT NULL,
    PRIMARY KEY (package_id, kind, number)
);

-- Peaks of the sound in stretches of equal length, of the first rendition of sound.
ALTER TABLE segments ADD COLUMN peaks BYTEA;
