-- Sites that may show the player of a media; every site may while there is none.
ALTER TABLE media ADD COLUMN embed_origins TEXT NOT NULL DEFAULT '';   -- joined by blanks
