-- Times are Unix milliseconds. No table holds a telephone number: the API refuses what looks like one.
CREATE TABLE devices (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    param TEXT NOT NULL,
    token TEXT NOT NULL,
    environment TEXT NOT NULL,
    registered_at BIGINT NOT NULL
);
CREATE INDEX devices_by_user ON devices (user_id, registered_at DESC);
CREATE INDEX devices_by_token ON devices (token);

CREATE TABLE wakes (
    call TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    order_id TEXT,
    label TEXT,
    accepted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    cancelled_at BIGINT
);
CREATE INDEX wakes_by_expiry ON wakes (expires_at);

-- One wake's push to one device. `owner` is the instance that sends it; the push's own id follows from call and device.
CREATE TABLE deliveries (
    call TEXT NOT NULL,
    device TEXT NOT NULL,
    provider TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    status BIGINT,
    reason TEXT,
    provider_id TEXT,
    done_at BIGINT,
    PRIMARY KEY (call, device)
);
CREATE INDEX deliveries_waiting ON deliveries (owner) WHERE state = 'queued';

-- Instances that live, by the database's own clock. Who is not in here has lost what it owned.
CREATE TABLE instances (
    id TEXT PRIMARY KEY NOT NULL,
    beat_at BIGINT NOT NULL
);
