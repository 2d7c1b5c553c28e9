-- The share that each record counts toward. At a limit, the share with the most records loses its
-- oldest one.
ALTER TABLE sessions ADD COLUMN share TEXT NOT NULL DEFAULT '';
UPDATE sessions SET share = 'user ' || issuer || ' ' || subject WHERE issuer IS NOT NULL;
CREATE INDEX sessions_by_share ON sessions (share, seen);
ALTER TABLE transactions ADD COLUMN share TEXT NOT NULL DEFAULT '';
CREATE INDEX transactions_by_share ON transactions (share);
ALTER TABLE sign_ins ADD COLUMN share TEXT NOT NULL DEFAULT '';
CREATE INDEX sign_ins_by_share ON sign_ins (share);
ALTER TABLE clients ADD COLUMN share TEXT NOT NULL DEFAULT '';
CREATE INDEX clients_by_share ON clients (origin, share);

-- The creator of each task.
CREATE TABLE tasks (
    -- Increases with each task: the oldest task has the lowest number.
    place INTEGER PRIMARY KEY,
    id    TEXT NOT NULL UNIQUE,
    share TEXT NOT NULL
) STRICT;
CREATE INDEX tasks_by_share ON tasks (share);
