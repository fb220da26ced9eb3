-- Accounts, sessions, access and encryption.

-- Until its owner has proved it, an e-mail address is a claim, and several accounts may claim one:
-- so registration tells nobody which addresses have accounts. `email_key` stays unique: it holds
-- the address once it is verified, and a placeholder before.
ALTER TABLE users ADD COLUMN email_claim TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN email_verified_us BIGINT;
UPDATE users SET email_claim = email_key;
UPDATE users SET email_key = 'unverified:' || username_key;
CREATE INDEX users_email_claim ON users (email_claim);

-- A login. Its refresh tokens are a family: only one is live.
ALTER TABLE sessions RENAME TO sessions_before;
DROP INDEX sessions_user;
CREATE TABLE sessions (
    id           UUID PRIMARY KEY,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address      TEXT NOT NULL,           -- of its last use
    agent        TEXT NOT NULL,           -- User-Agent of its last use
    created_us   BIGINT NOT NULL,
    last_used_us BIGINT NOT NULL,
    expires_us   BIGINT NOT NULL,
    revoked_us   BIGINT
);
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_expiry ON sessions (expires_us);
INSERT INTO sessions (id, user_id, address, agent, created_us, last_used_us, expires_us, revoked_us)
    SELECT id, user_id, '', '', created_us, created_us, expires_us, revoked_us FROM sessions_before;

-- Hashes only. `spent` was exchanged for `successor`; `superseded` was never delivered and has been replaced.
CREATE TABLE refresh_tokens (
    hash       BYTEA PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    status     TEXT NOT NULL,             -- live | spent | superseded
    successor  BYTEA,
    retries    BIGINT NOT NULL,           -- how often the successor was replaced
    created_us BIGINT NOT NULL,
    spent_us   BIGINT
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
INSERT INTO refresh_tokens (hash, session_id, status, retries, created_us)
    SELECT refresh_hash, id, 'live', 0, created_us FROM sessions_before;
DROP TABLE sessions_before;

-- Tokens of machines, shown once, kept as a hash.
CREATE TABLE api_tokens (
    id           UUID PRIMARY KEY,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,           -- words joined by blanks: read upload admin
    hash         BYTEA NOT NULL UNIQUE,
    hint         TEXT NOT NULL,           -- its last characters, to tell tokens apart
    created_us   BIGINT NOT NULL,
    expires_us   BIGINT,
    last_used_us BIGINT,
    revoked_us   BIGINT
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, id);

-- What was sent by e-mail to prove an address or to reset a password. Used by deleting it.
CREATE TABLE mail_tokens (
    hash       BYTEA PRIMARY KEY,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL,             -- verify | reset
    email_key  TEXT NOT NULL,             -- the address it was sent to
    expires_us BIGINT NOT NULL
);
CREATE INDEX mail_tokens_user ON mail_tokens (user_id);

CREATE TABLE creator_requests (
    id         UUID PRIMARY KEY,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    message    TEXT NOT NULL,
    status     TEXT NOT NULL,             -- pending | granted | refused
    answer     TEXT,
    created_us BIGINT NOT NULL,
    decided_us BIGINT
);
CREATE UNIQUE INDEX creator_requests_pending ON creator_requests (user_id) WHERE status = 'pending';
CREATE INDEX creator_requests_status ON creator_requests (status, id);
CREATE INDEX creator_requests_user ON creator_requests (user_id, id);

-- Security events. No foreign key: an event outlives its account, without what is personal.
CREATE TABLE audit_events (
    id       UUID PRIMARY KEY,            -- UUIDv7: ordered by time
    user_id  UUID,                        -- whose account
    actor_id UUID,                        -- who did it; nobody known when empty
    kind     TEXT NOT NULL,
    address  TEXT NOT NULL,
    agent    TEXT NOT NULL,
    detail   TEXT NOT NULL,
    at_us    BIGINT NOT NULL
);
CREATE INDEX audit_events_user ON audit_events (user_id, id);
CREATE INDEX audit_events_at ON audit_events (at_us);

-- Rate limits, one row a limit and subject: the instant at which its allowance is whole again (GCRA).
CREATE TABLE rate_limits (
    subject  TEXT PRIMARY KEY,
    whole_us BIGINT NOT NULL
);
CREATE INDEX rate_limits_whole ON rate_limits (whole_us);

CREATE TABLE media_grants (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (media_id, user_id)
);
CREATE INDEX media_grants_user ON media_grants (user_id);

CREATE TABLE playback_tokens (
    id              UUID PRIMARY KEY,
    media_id        UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    viewer          TEXT,                 -- the integrator's own name for the person
    max_views       BIGINT,
    views           BIGINT NOT NULL,
    allowed_origins TEXT NOT NULL,        -- joined by blanks; empty: any
    created_us      BIGINT NOT NULL,
    expires_us      BIGINT NOT NULL,
    revoked_us      BIGINT
);
CREATE INDEX playback_tokens_media ON playback_tokens (media_id, id);
CREATE INDEX playback_tokens_expiry ON playback_tokens (expires_us);

-- AES-128: whether a package's segments are encrypted, with which key and initialization vector.
ALTER TABLE packages ADD COLUMN encryption TEXT NOT NULL DEFAULT 'none';   -- none | aes-128
ALTER TABLE segments ADD COLUMN key_number BIGINT;
ALTER TABLE segments ADD COLUMN iv BYTEA;
CREATE TABLE package_keys (
    package_id UUID NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    key        BYTEA NOT NULL,
    PRIMARY KEY (package_id, number)
);
