-- When a media became public for the first time: the order of feeds. A draft that is published after a month is new.
ALTER TABLE media ADD COLUMN published_id UUID;         -- UUIDv7; its own id when it was public from the start
UPDATE media SET published_id = id WHERE visibility = 'public';
DROP INDEX media_public_owner;
CREATE INDEX media_public_owner ON media (owner_id, visibility, published_id);
