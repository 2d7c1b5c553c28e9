-- docs/storage.md describes the layout. To change it, add a file next to this one.

CREATE TABLE sessions (
    id            BLOB PRIMARY KEY,
    -- The user; both columns are NULL for a session without sign-in.
    issuer        TEXT,
    subject       TEXT,
    -- The parameters of the initialize request, as JSON.
    initialize    TEXT NOT NULL,
    version       TEXT NOT NULL,
    log_level     TEXT NOT NULL,
    initialized   INTEGER NOT NULL,
    -- URIs, as a JSON array.
    subscriptions TEXT NOT NULL,
    -- How many processes have resumed the session after the first one.
    lives         INTEGER NOT NULL DEFAULT 0,
    -- Milliseconds since 1970.
    seen          INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_seen ON sessions (seen);

CREATE TABLE streams (
    session BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    -- The process that writes to it.
    owner   TEXT NOT NULL,
    -- The IDs of the requests without a response yet, as a JSON array.
    owed    TEXT NOT NULL,
    -- Whether the stream lasts as long as its session.
    endless INTEGER NOT NULL,
    given   INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    -- When the ended stream is deleted, in milliseconds since 1970; NULL before the first sweep
    -- after its end.
    until   INTEGER,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX streams_open ON streams (owner) WHERE ended = 0 AND endless = 0;
CREATE INDEX streams_ended ON streams (until) WHERE ended = 1;

CREATE TABLE events (
    session BLOB NOT NULL,
    number  INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    -- Whether the event is the response to a request.
    answer  INTEGER NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (session, number, seq),
    FOREIGN KEY (session, number) REFERENCES streams ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- OAuth. Times are seconds since 1970; digests are SHA-256.

CREATE TABLE clients (
    id      TEXT PRIMARY KEY,
    origin  TEXT NOT NULL,
    expires INTEGER,
    used    INTEGER NOT NULL,
    -- The client's metadata, as JSON. It contains only the digest of a secret.
    data    TEXT NOT NULL
) STRICT;
CREATE INDEX clients_by_use ON clients (origin, used);
CREATE INDEX clients_by_end ON clients (expires) WHERE expires IS NOT NULL;

CREATE TABLE transactions (
    place   INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE,
    expires INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;
CREATE INDEX transactions_by_end ON transactions (expires);

CREATE TABLE sign_ins (
    place   INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE,
    expires INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;
CREATE INDEX sign_ins_by_end ON sign_ins (expires);

CREATE TABLE consents (
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    client       TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    resource     TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    expires      INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject, client, redirect_uri, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_by_end ON consents (expires);

CREATE TABLE grants (
    id           TEXT PRIMARY KEY,
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    client       TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    resource     TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    created      INTEGER NOT NULL,
    expires      INTEGER NOT NULL,
    sealed       BLOB NOT NULL,
    revision     INTEGER NOT NULL,
    -- The present refresh token, the previous one, and when that was replaced.
    present      BLOB,
    previous     BLOB,
    rotated      INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_by_subject ON grants (subject);
CREATE INDEX grants_by_client ON grants (client);
CREATE INDEX grants_by_end ON grants (expires);

CREATE TABLE codes (
    id        BLOB PRIMARY KEY,
    grant_id  TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
    challenge BLOB NOT NULL,
    expires   INTEGER NOT NULL,
    wrapped   BLOB NOT NULL,
    used      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_by_grant ON codes (grant_id);

CREATE TABLE access_tokens (
    id       BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
    resource TEXT NOT NULL,
    scopes   TEXT NOT NULL,
    issued   INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    wrapped  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_by_end ON access_tokens (expires);

CREATE TABLE refresh_tokens (
    id       BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants ON DELETE CASCADE,
    expires  INTEGER NOT NULL,
    wrapped  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires);

CREATE TABLE api_tokens (
    digest  BLOB PRIMARY KEY,
    id      TEXT NOT NULL,
    label   TEXT NOT NULL,
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_tokens_by_id ON api_tokens (id);

-- Names that can be used once: the jti of each client assertion.
CREATE TABLE used_once (
    name    BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_by_end ON used_once (expires);
