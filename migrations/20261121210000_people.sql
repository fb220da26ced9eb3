-- Creators, subscriptions, comments, likes, views, history, categories and tags.

ALTER TABLE users ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN bio TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN subscriber_count BIGINT NOT NULL DEFAULT 0;
-- Whether what a person watches is remembered.
ALTER TABLE users ADD COLUMN keeps_history BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX users_role ON users (role, id);

CREATE TABLE subscriptions (
    subscriber_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    id            UUID NOT NULL,          -- UUIDv7: the order of a person's list
    created_us    BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, creator_id)
);
CREATE UNIQUE INDEX subscriptions_page ON subscriptions (subscriber_id, id);
CREATE INDEX subscriptions_creator ON subscriptions (creator_id);

-- Blocked people's comments stay out of what the blocker sees, and off the blocker's media.
CREATE TABLE blocks (
    blocker_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id)
);
CREATE INDEX blocks_blocked ON blocks (blocked_id);

CREATE TABLE categories (
    id   UUID PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);

ALTER TABLE media ADD COLUMN category_id UUID REFERENCES categories (id) ON DELETE SET NULL;
ALTER TABLE media ADD COLUMN tags TEXT NOT NULL DEFAULT '';       -- as shown, joined by blanks
-- Counted with the rows they count, in one transaction.
ALTER TABLE media ADD COLUMN like_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media ADD COLUMN view_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media ADD COLUMN comment_count BIGINT NOT NULL DEFAULT 0;
-- Recency and engagement: never falls, so that nothing is shown twice on the way through the pages.
ALTER TABLE media ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;
UPDATE media SET rank = created_us / 1000;
CREATE INDEX media_rank ON media (visibility, rank, id);
CREATE INDEX media_category ON media (category_id, id);
CREATE INDEX media_public_owner ON media (owner_id, visibility, id);

CREATE TABLE media_tags (
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    tag      TEXT NOT NULL,               -- lower case
    PRIMARY KEY (tag, media_id)
);
CREATE INDEX media_tags_media ON media_tags (media_id);

CREATE TABLE likes (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (media_id, user_id)
);
CREATE INDEX likes_user ON likes (user_id);

-- Who has been counted already, as a keyed hash that changes every day: no address, no account.
CREATE TABLE view_marks (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    viewer     BYTEA NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (media_id, viewer)
);
CREATE INDEX view_marks_expiry ON view_marks (expires_us);

CREATE TABLE watch_history (
    user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    media_id    UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    position_ms BIGINT NOT NULL,
    finished    BOOLEAN NOT NULL,
    updated_us  BIGINT NOT NULL,
    PRIMARY KEY (user_id, media_id)
);
CREATE INDEX watch_history_page ON watch_history (user_id, updated_us, media_id);
CREATE INDEX watch_history_media ON watch_history (media_id);

CREATE TABLE comments (
    id         UUID PRIMARY KEY,          -- UUIDv7: ordered by time
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    author_id  UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_id  UUID REFERENCES comments (id) ON DELETE CASCADE,
    body       TEXT NOT NULL,
    at_ms      BIGINT,                    -- the moment of the film it is about
    client_key UUID,                      -- the sender's own name for it: sent again, it is not stored again
    reply_count BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    edited_us  BIGINT
);
CREATE INDEX comments_page ON comments (media_id, parent_id, id);
CREATE INDEX comments_media ON comments (media_id, id);
CREATE INDEX comments_parent ON comments (parent_id, id);
CREATE UNIQUE INDEX comments_key ON comments (author_id, client_key);
