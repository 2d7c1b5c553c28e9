-- When a grant ends, even if its client keeps refreshing it.
ALTER TABLE grants ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0;
-- 180 days, the default. An older grant keeps its expiry.
UPDATE grants SET deadline = max(created + 15552000, expires);
-- Until when the previous refresh token is accepted. 0 means that it is not.
ALTER TABLE grants ADD COLUMN retry_until INTEGER NOT NULL DEFAULT 0;
UPDATE grants SET retry_until = rotated + 60 WHERE previous IS NOT NULL;
-- The refresh token that the response with this token replaced.
ALTER TABLE access_tokens ADD COLUMN replaces BLOB;
