-- Somebody may follow, leave and follow the same creator again within a day.
CREATE TABLE past_subscriptions_again (
    subscriber_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    creator_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us    BIGINT NOT NULL,
    ended_us      BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, creator_id, created_us)
);
INSERT INTO past_subscriptions_again SELECT subscriber_id, creator_id, created_us, ended_us FROM past_subscriptions;
DROP TABLE past_subscriptions;
ALTER TABLE past_subscriptions_again RENAME TO past_subscriptions;
CREATE INDEX past_subscriptions_creator ON past_subscriptions (creator_id);
