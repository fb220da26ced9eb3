-- Places of playlists get room between them, so that another one moves none of them.
UPDATE playlist_items SET position = position * 4294967296;

-- Whom somebody followed until lately: what a feed has shown of them does not come again further down.
CREATE TABLE past_subscriptions (
    subscriber_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us    BIGINT NOT NULL,
    ended_us      BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, creator_id)
);
CREATE INDEX past_subscriptions_creator ON past_subscriptions (creator_id);
