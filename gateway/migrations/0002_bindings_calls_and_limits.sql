-- An order may set limits of its own and say what happens when the courier cannot be reached.
ALTER TABLE orders ADD COLUMN max_call_s INTEGER;
ALTER TABLE orders ADD COLUMN ring_s INTEGER;
ALTER TABLE orders ADD COLUMN fallback TEXT;

-- The pool of company numbers.
CREATE TABLE numbers (
    e164 TEXT PRIMARY KEY NOT NULL,
    label TEXT NOT NULL
) STRICT;

-- Contacts of couriers' apps. `key` is instance and reg-id (RFC 5626) or the contact URI.
CREATE TABLE bindings (
    courier TEXT NOT NULL,
    key TEXT NOT NULL,
    contact TEXT NOT NULL,
    instance TEXT,
    reg_id INTEGER,
    call_id TEXT NOT NULL,
    cseq INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    pn_provider TEXT,
    pn_param TEXT,
    pn_prid TEXT,
    PRIMARY KEY (courier, key)
) STRICT;

-- Who called whom, by order: no number stands here.
CREATE TABLE calls (
    id TEXT PRIMARY KEY NOT NULL,
    order_id TEXT,
    courier TEXT,
    direction TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ringing_at INTEGER,
    answered_at INTEGER,
    ended_at INTEGER,
    end_reason TEXT,
    error TEXT
) STRICT;
CREATE INDEX calls_by_start ON calls (started_at DESC, id DESC);
CREATE INDEX calls_by_order ON calls (order_id, started_at DESC);
