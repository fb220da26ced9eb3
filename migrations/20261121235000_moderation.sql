-- Reports, what was done about them, and what those concerned say to it.

ALTER TABLE users ADD COLUMN banned_us BIGINT;
ALTER TABLE media ADD COLUMN hidden_us BIGINT;
ALTER TABLE comments ADD COLUMN hidden_us BIGINT;

CREATE TABLE reports (
    id          UUID PRIMARY KEY,
    reporter_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_kind TEXT NOT NULL,            -- media | comment | user
    target_id   UUID NOT NULL,
    reason      TEXT NOT NULL,            -- spam | abuse | illegal | copyright | other
    note        TEXT NOT NULL,
    status      TEXT NOT NULL,            -- open | upheld | dismissed
    created_us  BIGINT NOT NULL,
    UNIQUE (reporter_id, target_kind, target_id)
);
CREATE INDEX reports_status ON reports (status, id);
CREATE INDEX reports_target ON reports (target_kind, target_id);

CREATE TABLE moderation_actions (
    id          UUID PRIMARY KEY,
    kind        TEXT NOT NULL,            -- hide_media | hide_comment | ban
    target_id   UUID NOT NULL,
    affected_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    reason      TEXT NOT NULL,            -- said to whom it concerns
    appeal      TEXT,                     -- what they answer
    appealed_us BIGINT,
    created_us  BIGINT NOT NULL,
    lifted_us   BIGINT
);
CREATE INDEX moderation_actions_affected ON moderation_actions (affected_id, id);
CREATE INDEX moderation_actions_target ON moderation_actions (target_id);
