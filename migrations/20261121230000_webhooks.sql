-- Whom to tell over HTTP what happened to one's media.
CREATE TABLE webhooks (
    id         UUID PRIMARY KEY,
    owner_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url        TEXT NOT NULL,
    secret     TEXT NOT NULL,             -- signs every delivery
    events     TEXT NOT NULL,             -- joined by blanks
    active     BOOLEAN NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX webhooks_owner ON webhooks (owner_id, id);

-- Written by the transaction that makes the event true.
CREATE TABLE webhook_deliveries (
    id          UUID PRIMARY KEY,
    webhook_id  UUID NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event       TEXT NOT NULL,
    payload     TEXT NOT NULL,            -- JSON, sent as it is
    status      TEXT NOT NULL,            -- queued | delivered | failed
    attempts    BIGINT NOT NULL,
    next_us     BIGINT NOT NULL,          -- when it is tried next
    last_status BIGINT,
    last_error  TEXT,
    created_us  BIGINT NOT NULL,
    finished_us BIGINT
);
CREATE INDEX webhook_deliveries_page ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (status, next_us);
