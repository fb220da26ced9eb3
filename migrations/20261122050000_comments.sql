-- The last identifier that a comment of this media got: later ones come after it, also when it is gone.
ALTER TABLE media ADD COLUMN last_comment_id UUID;
UPDATE media SET last_comment_id = (SELECT c.id FROM comments c WHERE c.media_id = media.id ORDER BY c.id DESC LIMIT 1);
-- What was changed since an instant, for sockets that missed it.
CREATE INDEX comments_changed ON comments (media_id, edited_us) WHERE edited_us IS NOT NULL;
