-- What the handler remembers of a session, as JSON.
ALTER TABLE sessions ADD COLUMN state TEXT;
