-- Tracks of sound that were added to a media after its upload. Each is a source and a package of its own, which belong to the
-- media alone, whoever else has the package of its film.
CREATE TABLE added_tracks (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,             -- of its rendition for all players
    source_id  UUID NOT NULL REFERENCES sources (id),
    package_id UUID NOT NULL REFERENCES packages (id),
    language   TEXT,                      -- BCP 47
    label      TEXT NOT NULL,
    track_role TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (media_id, name)
);
CREATE INDEX added_tracks_source ON added_tracks (source_id);
CREATE INDEX added_tracks_package ON added_tracks (package_id);

-- The media that an upload will be a track of; of all others none.
ALTER TABLE uploads ADD COLUMN track_of UUID;
