-- Times are Unix milliseconds. No table holds a telephone number: the API refuses what looks like one.
CREATE TABLE devices (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    param TEXT NOT NULL,
    token TEXT NOT NULL,
    environment TEXT NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_user ON devices (user_id, registered_at DESC);
CREATE INDEX devices_by_token ON devices (token);

CREATE TABLE wakes (
    call TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    order_id TEXT,
    label TEXT,
    accepted_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    cancelled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX wakes_by_expiry ON wakes (expires_at);

-- One wake's push to one device. `owner` is the instance that sends it; the push's own id follows from call and device.
CREATE TABLE deliveries (
    call TEXT NOT NULL,
    device TEXT NOT NULL,
    provider TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    status INTEGER,
    reason TEXT,
    provider_id TEXT,
    done_at INTEGER,
    PRIMARY KEY (call, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_waiting ON deliveries (owner) WHERE state = 'queued';
