-- What a rendition's I-frames measure; none where it has no I-frame playlist.

ALTER TABLE renditions ADD COLUMN iframe_bps BIGINT;
