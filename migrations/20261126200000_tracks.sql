-- Which track of its media a sound is: renditions of one track share a position, the first position is the default.
ALTER TABLE renditions ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN language TEXT;                              -- BCP 47
ALTER TABLE renditions ADD COLUMN label TEXT;
ALTER TABLE renditions ADD COLUMN track_role TEXT NOT NULL DEFAULT 'main';

-- What people say of a track instead of what its file says.
CREATE TABLE media_tracks (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,             -- of the track's rendition for all players
    language   TEXT,                      -- BCP 47
    label      TEXT NOT NULL,
    track_role TEXT NOT NULL,
    hidden     BOOLEAN NOT NULL,          -- in no playlist
    is_default BOOLEAN NOT NULL,          -- of a media at most one
    PRIMARY KEY (media_id, name)
);
