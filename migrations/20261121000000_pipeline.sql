-- One text for SQLite and PostgreSQL.
-- Instants are BIGINT microseconds since the Unix epoch (`_us`), sizes BIGINT bytes.

CREATE TABLE users (
    id            UUID PRIMARY KEY,
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL UNIQUE,   -- lower case, what uniqueness and login compare
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,          -- PHC string
    role          TEXT NOT NULL,          -- viewer | creator | admin
    created_us    BIGINT NOT NULL
);

-- A login. The refresh token is kept as a hash only and changes at every use.
CREATE TABLE sessions (
    id           UUID PRIMARY KEY,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_hash BYTEA NOT NULL UNIQUE,
    created_us   BIGINT NOT NULL,
    expires_us   BIGINT NOT NULL,
    revoked_us   BIGINT
);
CREATE INDEX sessions_user ON sessions (user_id);

-- Uploaded bytes. `receiving` until the request that completes them; `deleting` is one way.
CREATE TABLE sources (
    id         UUID PRIMARY KEY,
    status     TEXT NOT NULL,             -- receiving | live | deleting
    size_bytes BIGINT NOT NULL,
    sha256     BYTEA,                     -- known once the hash task is done
    content_type TEXT NOT NULL,           -- by its first bytes, whatever was declared
    created_us BIGINT NOT NULL,
    touched_us BIGINT NOT NULL            -- last sign of life while receiving
);
CREATE INDEX sources_sha256 ON sources (sha256);
CREATE INDEX sources_status ON sources (status, touched_us);

CREATE TABLE extents (
    source_id    UUID NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    offset_bytes BIGINT NOT NULL,
    size_bytes   BIGINT NOT NULL,
    number       BIGINT NOT NULL,
    PRIMARY KEY (source_id, offset_bytes)
);

CREATE TABLE packages (
    id            UUID PRIMARY KEY,
    source_id     UUID NOT NULL REFERENCES sources (id),
    status        TEXT NOT NULL,          -- planning | encoding | ready | failed | deleting
    kind          TEXT,                   -- video | audio, known once planned
    plan          TEXT,                   -- the worker's plan, JSON
    duration_ms   BIGINT,
    width         BIGINT,
    height        BIGINT,
    target_s      BIGINT,                 -- EXT-X-TARGETDURATION of every playlist
    revealed      BIGINT NOT NULL,        -- segments of the growing presentation clients have been shown
    playable      BOOLEAN NOT NULL,
    error_code    TEXT,
    error_message TEXT,
    report        TEXT,                   -- the rule checker's report, JSON
    created_us    BIGINT NOT NULL,
    updated_us    BIGINT NOT NULL,
    encode_started_us BIGINT,
    swept_us      BIGINT                  -- last time orphans were looked for
);
CREATE INDEX packages_source ON packages (source_id);
CREATE INDEX packages_status ON packages (status, updated_us);

CREATE TABLE media (
    id          UUID PRIMARY KEY,
    owner_id    UUID NOT NULL REFERENCES users (id),
    source_id   UUID NOT NULL REFERENCES sources (id),
    package_id  UUID NOT NULL REFERENCES packages (id),
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    visibility  TEXT NOT NULL,            -- public | unlisted | private
    filename    TEXT NOT NULL,            -- as text only, never a path
    created_us  BIGINT NOT NULL
);
CREATE INDEX media_owner ON media (owner_id, id);
CREATE INDEX media_source ON media (source_id);
CREATE INDEX media_package ON media (package_id);

-- Every package a media has pointed to: players that began with one may go on with it.
CREATE TABLE media_packages (
    media_id   UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    package_id UUID NOT NULL,
    PRIMARY KEY (media_id, package_id)
);

CREATE TABLE renditions (
    package_id   UUID NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL,           -- video | audio
    role         TEXT NOT NULL,           -- first | full | both: the presentations that list it
    passthrough  BOOLEAN NOT NULL,
    width        BIGINT,
    height       BIGINT,
    rate_num     BIGINT,
    rate_den     BIGINT,
    channels     BIGINT,
    codecs       TEXT NOT NULL,           -- RFC 6381; as planned, then as encoded
    timescale    BIGINT NOT NULL,
    cap_bps      BIGINT NOT NULL,         -- what its rate control may reach
    peak_bps     BIGINT,                  -- measured at the end
    average_bps  BIGINT,
    planned      BIGINT NOT NULL,         -- segments it will have
    contiguous   BIGINT NOT NULL,         -- segments present without a hole from the start
    init_object  TEXT,
    init_bytes   BIGINT,
    init_sha256  BYTEA,
    PRIMARY KEY (package_id, name)
);

-- Published segments: immutable, the first publication of a number wins.
CREATE TABLE segments (
    package_id   UUID NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    rendition    TEXT NOT NULL,
    sequence     BIGINT NOT NULL,
    object       TEXT NOT NULL,           -- file name within the rendition's folder
    size_bytes   BIGINT NOT NULL,
    sha256       BYTEA NOT NULL,
    start_ticks  BIGINT NOT NULL,         -- tfdt of its first fragment
    duration_ticks BIGINT NOT NULL,
    fragments    TEXT NOT NULL,           -- JSON [[offset, size, duration_ticks], ...]: I-frame ranges
    published_us BIGINT NOT NULL,
    PRIMARY KEY (package_id, rendition, sequence)
);

CREATE TABLE tasks (
    id            UUID PRIMARY KEY,
    package_id    UUID NOT NULL,
    source_id     UUID NOT NULL,
    kind          TEXT NOT NULL,          -- plan | hash | passthrough | audio | chunk | finalize
    name          TEXT NOT NULL,          -- unique within the package: chunk-000012
    payload       TEXT NOT NULL,          -- JSON
    status        TEXT NOT NULL,          -- queued | running | done | parked | cancelled
    attempts      BIGINT NOT NULL,        -- counted before the run
    token         UUID,                   -- the fence of the running claim
    beat          BIGINT NOT NULL,        -- heartbeats of the running claim
    worker        TEXT,
    due_us        BIGINT NOT NULL,        -- earliest deadline first
    not_before_us BIGINT NOT NULL,        -- backoff
    cores         BIGINT NOT NULL,
    memory_bytes  BIGINT NOT NULL,
    error_code    TEXT,
    error_message TEXT,
    progress      DOUBLE PRECISION NOT NULL,
    created_us    BIGINT NOT NULL,
    finished_us   BIGINT,
    UNIQUE (package_id, name)
);
CREATE INDEX tasks_ready ON tasks (status, due_us);
