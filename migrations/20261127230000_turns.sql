-- Whose turn a task takes, and what administrators bring forward or hold back. Tasks that an older version queues have no owner:
-- their package takes turns then.
ALTER TABLE packages ADD COLUMN priority BIGINT NOT NULL DEFAULT 0; -- 1 before all others, -1 after them
ALTER TABLE tasks ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;    -- that of the package
ALTER TABLE tasks ADD COLUMN owner_id UUID;
UPDATE tasks SET owner_id = (SELECT m.owner_id FROM media m WHERE m.package_id = tasks.package_id ORDER BY m.id LIMIT 1)
    WHERE status IN ('queued', 'running', 'parked');
ALTER TABLE workers ADD COLUMN kinds TEXT; -- of tasks that it takes, joined by commas; all where there are none
CREATE INDEX tasks_owner ON tasks (owner_id) WHERE owner_id IS NOT NULL;
-- The status comes first in all of these: without it SQLite takes `tasks_ready` and looks through every row.
CREATE INDEX tasks_turns ON tasks (status, COALESCE(owner_id, package_id), due_us, id) WHERE status = 'queued' AND priority = 0;
CREATE INDEX tasks_places ON tasks (status, COALESCE(owner_id, package_id), due_us, id)
    WHERE status = 'queued' AND priority = 0 AND (kind = 'plan' OR cores = 0 OR name = 'chunk-000000');
CREATE INDEX tasks_beside ON tasks (status, due_us, id)
    WHERE status = 'queued' AND priority = 0 AND (kind = 'plan' OR cores = 0 OR name = 'chunk-000000');
CREATE INDEX tasks_first ON tasks (status, due_us, id) WHERE status = 'queued' AND priority = 1;
CREATE INDEX tasks_last ON tasks (status, due_us, id) WHERE status = 'queued' AND priority = -1;
