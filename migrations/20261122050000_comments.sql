-- The last identifier that a comment of this media got: later ones come after it, also when it is gone.
ALTER TABLE media ADD COLUMN last_comment_id UUID;
