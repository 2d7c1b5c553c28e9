-- The handler's state of a session, as JSON.
ALTER TABLE sessions ADD COLUMN state TEXT;
