-- Playlists, projects, posts.

CREATE TABLE playlists (
    id          UUID PRIMARY KEY,
    owner_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    visibility  TEXT NOT NULL,            -- public | unlisted | private
    created_us  BIGINT NOT NULL,
    updated_us  BIGINT NOT NULL
);
CREATE INDEX playlists_owner ON playlists (owner_id, id);

-- Positions have no meaning but their order.
CREATE TABLE playlist_items (
    id          UUID PRIMARY KEY,
    playlist_id UUID NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    media_id    UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    position    BIGINT NOT NULL
);
CREATE INDEX playlist_items_page ON playlist_items (playlist_id, position, id);
CREATE INDEX playlist_items_media ON playlist_items (media_id);

-- Notes that a person keeps, perhaps about a media. The document is an object of the store.
CREATE TABLE projects (
    id         UUID PRIMARY KEY,
    owner_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    media_id   UUID REFERENCES media (id) ON DELETE SET NULL,
    title      TEXT NOT NULL,
    format     TEXT NOT NULL,             -- markdown | json
    version    BIGINT NOT NULL,           -- 0: nothing was saved yet
    object     UUID,
    size_bytes BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL
);
CREATE INDEX projects_owner ON projects (owner_id, id);
CREATE INDEX projects_media ON projects (media_id);

-- Prefixes of the store whose rows are gone: the sweep removes what is below them.
CREATE TABLE doomed_documents (
    project_id UUID PRIMARY KEY,
    at_us      BIGINT NOT NULL
);

CREATE TABLE posts (
    id           UUID PRIMARY KEY,
    author_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,           -- Markdown
    published_us BIGINT,                  -- a draft has none
    created_us   BIGINT NOT NULL,
    edited_us    BIGINT NOT NULL
);
CREATE INDEX posts_author ON posts (author_id, id);
CREATE INDEX posts_author_published ON posts (author_id, published_us, id);
CREATE INDEX posts_published ON posts (published_us, id);
