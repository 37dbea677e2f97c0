//! The statements. SQLite reads the batch by `json_each`, Postgres by `jsonb_to_recordset`.

use super::database::Sql;

pub(super) const KNOWN_DEVICES: Sql = Sql {
    sqlite: "SELECT json_quote(id) FROM devices WHERE id IN (SELECT value ->> '$.id' FROM json_each($1))",
    postgres: "SELECT to_json(id)::text FROM devices WHERE id IN \
               (SELECT id FROM jsonb_to_recordset($1::text::jsonb) AS j(id text))",
};

/// A token belongs to one installation of the app: whoever had it under another id has it no more.
pub(super) const FORGET_TOKENS: Sql = Sql {
    sqlite: "DELETE FROM devices WHERE token IN (SELECT value ->> '$.token' FROM json_each($1)) \
             AND id NOT IN (SELECT value ->> '$.id' FROM json_each($1)) RETURNING json_quote(id)",
    postgres: "DELETE FROM devices WHERE token IN (SELECT token FROM jsonb_to_recordset($1::text::jsonb) AS j(token text)) \
               AND id NOT IN (SELECT id FROM jsonb_to_recordset($1::text::jsonb) AS j(id text)) RETURNING to_json(id)::text",
};

pub(super) const PUT_DEVICES: Sql = Sql {
    sqlite: "INSERT INTO devices (id, user_id, provider, param, token, environment, registered_at) \
             SELECT value ->> '$.id', value ->> '$.user', value ->> '$.provider', value ->> '$.param', value ->> '$.token', \
             value ->> '$.environment', value ->> '$.registered_at' FROM json_each($1) WHERE true \
             ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, provider = excluded.provider, param = excluded.param, \
             token = excluded.token, environment = excluded.environment, registered_at = excluded.registered_at \
             RETURNING json_quote(id)",
    postgres: "INSERT INTO devices (id, user_id, provider, param, token, environment, registered_at) \
               SELECT id, \"user\", provider, param, token, environment, registered_at FROM jsonb_to_recordset($1::text::jsonb) \
               AS j(id text, \"user\" text, provider text, param text, token text, environment text, registered_at bigint) ORDER BY id \
               ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, provider = excluded.provider, param = excluded.param, \
               token = excluded.token, environment = excluded.environment, registered_at = excluded.registered_at \
               RETURNING to_json(id)::text",
};

pub(super) const DELETE_DEVICES: Sql = Sql {
    sqlite: "DELETE FROM devices WHERE id IN (SELECT value FROM json_each($1)) RETURNING json_quote(id)",
    postgres: "DELETE FROM devices WHERE id IN (SELECT jsonb_array_elements_text($1::text::jsonb)) RETURNING to_json(id)::text",
};

/// Only while it has the token that was found dead, and was not registered since.
pub(super) const DELETE_GONE: Sql = Sql {
    sqlite: "DELETE FROM devices WHERE EXISTS (SELECT 1 FROM json_each($1) WHERE value ->> '$.device' = devices.id \
             AND value ->> '$.token' = devices.token AND value ->> '$.since' >= devices.registered_at) RETURNING json_quote(id)",
    postgres: "DELETE FROM devices USING jsonb_to_recordset($1::text::jsonb) AS j(device text, token text, since bigint) \
               WHERE j.device = devices.id AND j.token = devices.token AND j.since >= devices.registered_at \
               RETURNING to_json(devices.id)::text",
};

pub(super) const DEVICES_OF: Sql = Sql {
    sqlite: "SELECT json_object('id', id, 'user', user_id, 'provider', provider, 'param', param, 'token', token, \
             'environment', environment, 'registered_at', registered_at) FROM devices \
             WHERE user_id IN (SELECT value FROM json_each($1)) ORDER BY registered_at DESC, id",
    postgres: "SELECT json_build_object('id', id, 'user', user_id, 'provider', provider, 'param', param, 'token', token, \
               'environment', environment, 'registered_at', registered_at)::text FROM devices \
               WHERE user_id IN (SELECT jsonb_array_elements_text($1::text::jsonb)) ORDER BY registered_at DESC, id",
};

pub(super) const DEVICE: Sql = Sql {
    sqlite: "SELECT json_object('id', id, 'user', user_id, 'provider', provider, 'param', param, 'token', token, \
             'environment', environment, 'registered_at', registered_at) FROM devices \
             WHERE id IN (SELECT value FROM json_each($1))",
    postgres: "SELECT json_build_object('id', id, 'user', user_id, 'provider', provider, 'param', param, 'token', token, \
               'environment', environment, 'registered_at', registered_at)::text FROM devices \
               WHERE id IN (SELECT jsonb_array_elements_text($1::text::jsonb))",
};

pub(super) const COUNT_DEVICES: Sql = Sql {
    sqlite: "SELECT json_object('provider', provider, 'count', count(*)) FROM devices WHERE $1 IS NOT NULL GROUP BY provider",
    postgres: "SELECT json_build_object('provider', provider, 'count', count(*))::text FROM devices \
               WHERE $1::text IS NOT NULL GROUP BY provider",
};

pub(super) const INSERT_WAKES: Sql = Sql {
    sqlite: "INSERT INTO wakes (call, user_id, order_id, label, accepted_at, expires_at) \
             SELECT value ->> '$.call', value ->> '$.user', value ->> '$.order', value ->> '$.label', value ->> '$.accepted_at', \
             value ->> '$.expires_at' FROM json_each($1) WHERE true ON CONFLICT (call) DO NOTHING RETURNING json_quote(call)",
    postgres: "INSERT INTO wakes (call, user_id, order_id, label, accepted_at, expires_at) \
               SELECT call, \"user\", \"order\", label, accepted_at, expires_at FROM jsonb_to_recordset($1::text::jsonb) \
               AS j(call text, \"user\" text, \"order\" text, label text, accepted_at bigint, expires_at bigint) ORDER BY call \
               ON CONFLICT (call) DO NOTHING RETURNING to_json(call)::text",
};

pub(super) const WAKES: Sql = Sql {
    sqlite: "SELECT json_object('call', call, 'user', user_id, 'order', order_id, 'label', label, 'accepted_at', accepted_at, \
             'expires_at', expires_at, 'cancelled_at', cancelled_at, 'devices', \
             (SELECT count(*) FROM deliveries WHERE deliveries.call = wakes.call)) \
             FROM wakes WHERE call IN (SELECT value FROM json_each($1))",
    postgres: "SELECT json_build_object('call', call, 'user', user_id, 'order', order_id, 'label', label, 'accepted_at', accepted_at, \
               'expires_at', expires_at, 'cancelled_at', cancelled_at, 'devices', \
               (SELECT count(*) FROM deliveries WHERE deliveries.call = wakes.call))::text \
               FROM wakes WHERE call IN (SELECT jsonb_array_elements_text($1::text::jsonb))",
};

pub(super) const INSERT_DELIVERIES: Sql = Sql {
    sqlite: "INSERT INTO deliveries (call, device, provider, state, owner, attempts, next_at) \
             SELECT value ->> '$.call', value ->> '$.device', value ->> '$.provider', 'queued', value ->> '$.owner', 0, \
             value ->> '$.next_at' FROM json_each($1) WHERE true RETURNING json_quote(1)",
    postgres: "INSERT INTO deliveries (call, device, provider, state, owner, attempts, next_at) \
               SELECT call, device, provider, 'queued', owner, 0, next_at FROM jsonb_to_recordset($1::text::jsonb) \
               AS j(call text, device text, provider text, owner text, next_at bigint) RETURNING '1'::text",
};

pub(super) const DELIVERIES: Sql = Sql {
    sqlite: "SELECT json_object('call', call, 'device', device, 'provider', provider, 'state', state, 'attempts', attempts, \
             'next_at', next_at, 'status', status, 'reason', reason, 'provider_id', provider_id, 'done_at', done_at) \
             FROM deliveries WHERE call IN (SELECT value FROM json_each($1)) ORDER BY device",
    postgres: "SELECT json_build_object('call', call, 'device', device, 'provider', provider, 'state', state, 'attempts', attempts, \
               'next_at', next_at, 'status', status, 'reason', reason, 'provider_id', provider_id, 'done_at', done_at)::text \
               FROM deliveries WHERE call IN (SELECT jsonb_array_elements_text($1::text::jsonb)) ORDER BY device",
};

/// Only what the instance still owns. A push that was on its way when its wake was cancelled has been sent all the same.
pub(super) const RECORD: Sql = Sql {
    sqlite: "UPDATE deliveries SET state = j.value ->> '$.state', attempts = j.value ->> '$.attempts', \
             next_at = j.value ->> '$.next_at', status = j.value ->> '$.status', reason = j.value ->> '$.reason', \
             provider_id = j.value ->> '$.provider_id', done_at = j.value ->> '$.done_at' FROM json_each($1) AS j \
             WHERE deliveries.call = j.value ->> '$.call' AND deliveries.device = j.value ->> '$.device' \
             AND deliveries.owner = j.value ->> '$.owner' \
             AND (deliveries.state = 'queued' OR (deliveries.state = 'cancelled' AND j.value ->> '$.state' = 'sent')) \
             RETURNING json_object('call', call, 'device', device, 'owner', owner)",
    postgres: "UPDATE deliveries SET state = j.state, attempts = j.attempts, next_at = j.next_at, status = j.status, reason = j.reason, \
               provider_id = j.provider_id, done_at = j.done_at FROM jsonb_to_recordset($1::text::jsonb) \
               AS j(call text, device text, owner text, state text, attempts bigint, next_at bigint, status bigint, reason text, \
               provider_id text, done_at bigint) \
               WHERE deliveries.call = j.call AND deliveries.device = j.device AND deliveries.owner = j.owner \
               AND (deliveries.state = 'queued' OR (deliveries.state = 'cancelled' AND j.state = 'sent')) \
               RETURNING json_build_object('call', deliveries.call, 'device', deliveries.device, 'owner', deliveries.owner)::text",
};

pub(super) const CANCELLED: Sql = Sql {
    sqlite: "SELECT json_quote(call) FROM wakes WHERE call IN (SELECT value FROM json_each($1)) AND cancelled_at IS NOT NULL",
    postgres: "SELECT to_json(call)::text FROM wakes WHERE call IN (SELECT jsonb_array_elements_text($1::text::jsonb)) \
               AND cancelled_at IS NOT NULL",
};

pub(super) const CANCEL_WAKES: Sql = Sql {
    sqlite: "UPDATE wakes SET cancelled_at = j.value ->> '$.at' FROM json_each($1) AS j \
             WHERE wakes.call = j.value ->> '$.call' AND cancelled_at IS NULL RETURNING json_quote(call)",
    postgres: "UPDATE wakes SET cancelled_at = j.at FROM jsonb_to_recordset($1::text::jsonb) AS j(call text, at bigint) \
               WHERE wakes.call = j.call AND cancelled_at IS NULL RETURNING to_json(wakes.call)::text",
};

pub(super) const CANCEL_DELIVERIES: Sql = Sql {
    sqlite: "UPDATE deliveries SET state = 'cancelled', done_at = j.value ->> '$.at' FROM json_each($1) AS j \
             WHERE deliveries.call = j.value ->> '$.call' AND state = 'queued' RETURNING json_quote(call)",
    postgres: "UPDATE deliveries SET state = 'cancelled', done_at = j.at FROM jsonb_to_recordset($1::text::jsonb) \
               AS j(call text, at bigint) WHERE deliveries.call = j.call AND state = 'queued' \
               RETURNING to_json(deliveries.call)::text",
};

/// Deliveries that are owned by nobody alive become the asker's.
pub(super) const TAKE_OVER: Sql = Sql {
    sqlite: "UPDATE deliveries SET owner = $1 ->> '$.owner' WHERE (call, device) IN (SELECT call, device FROM deliveries \
             WHERE state = 'queued' AND owner <> $1 ->> '$.owner' LIMIT $1 ->> '$.limit') \
             RETURNING json_object('call', call, 'device', device)",
    postgres: "UPDATE deliveries SET owner = $1::text::jsonb ->> 'owner' WHERE (call, device) IN \
               (SELECT call, device FROM deliveries AS waiting WHERE state = 'queued' \
               AND NOT EXISTS (SELECT 1 FROM instances WHERE instances.id = waiting.owner) \
               ORDER BY call, device LIMIT ($1::text::jsonb ->> 'limit')::bigint FOR UPDATE SKIP LOCKED) \
               RETURNING json_build_object('call', call, 'device', device)::text",
};

/// What an owner has not sent yet.
pub(super) const OWNED: Sql = Sql {
    sqlite: "SELECT json_object('call', call, 'device', device) FROM deliveries \
             WHERE state = 'queued' AND owner = $1 ->> '$.owner'",
    postgres: "SELECT json_build_object('call', call, 'device', device)::text FROM deliveries \
               WHERE state = 'queued' AND owner = $1::text::jsonb ->> 'owner'",
};

/// What it takes to send them. A device that is gone has no token any more.
pub(super) const JOBS: Sql = Sql {
    sqlite: "SELECT json_object('call', q.call, 'device', q.device, 'attempts', q.attempts, 'next_at', q.next_at, 'order', w.order_id, \
             'label', w.label, 'accepted_at', w.accepted_at, 'expires_at', w.expires_at, 'provider', q.provider, 'param', d.param, \
             'token', d.token, 'environment', d.environment, 'state', q.state) \
             FROM json_each($1) AS j JOIN deliveries AS q ON q.call = j.value ->> '$.call' AND q.device = j.value ->> '$.device' \
             JOIN wakes AS w ON w.call = q.call LEFT JOIN devices AS d ON d.id = q.device AND d.provider = q.provider \
             AND d.user_id = w.user_id",
    postgres: "SELECT json_build_object('call', q.call, 'device', q.device, 'attempts', q.attempts, 'next_at', q.next_at, \
               'order', w.order_id, 'label', w.label, 'accepted_at', w.accepted_at, 'expires_at', w.expires_at, \
               'provider', q.provider, 'param', d.param, 'token', d.token, 'environment', d.environment, 'state', q.state)::text \
               FROM jsonb_to_recordset($1::text::jsonb) AS j(call text, device text) \
               JOIN deliveries AS q ON q.call = j.call AND q.device = j.device JOIN wakes AS w ON w.call = q.call \
               LEFT JOIN devices AS d ON d.id = q.device AND d.provider = q.provider AND d.user_id = w.user_id",
};

/// An instance that stops leaves what it has not sent to the others.
pub(super) const RELEASE: Sql = Sql {
    sqlite: "UPDATE deliveries SET owner = '' WHERE state = 'queued' AND owner = $1 ->> '$.owner' RETURNING json_quote(call)",
    postgres: "UPDATE deliveries SET owner = '' WHERE state = 'queued' AND owner = $1::text::jsonb ->> 'owner' \
               RETURNING to_json(call)::text",
};

pub(super) const SWEEP_DELIVERIES: Sql = Sql {
    sqlite: "DELETE FROM deliveries WHERE call IN (SELECT call FROM wakes WHERE expires_at < $1 ->> '$.before' \
             ORDER BY expires_at, call LIMIT $1 ->> '$.limit') RETURNING json_quote(1)",
    postgres: "DELETE FROM deliveries WHERE call IN (SELECT call FROM wakes WHERE expires_at < ($1::text::jsonb ->> 'before')::bigint \
               ORDER BY expires_at, call LIMIT ($1::text::jsonb ->> 'limit')::bigint) RETURNING '1'::text",
};

pub(super) const SWEEP_WAKES: Sql = Sql {
    sqlite: "DELETE FROM wakes WHERE call IN (SELECT call FROM wakes WHERE expires_at < $1 ->> '$.before' \
             ORDER BY expires_at, call LIMIT $1 ->> '$.limit') RETURNING json_quote(1)",
    postgres: "DELETE FROM wakes WHERE call IN (SELECT call FROM wakes WHERE expires_at < ($1::text::jsonb ->> 'before')::bigint \
               ORDER BY expires_at, call LIMIT ($1::text::jsonb ->> 'limit')::bigint) RETURNING '1'::text",
};

pub(super) const PING: Sql = Sql {
    sqlite: "SELECT json_quote($1 ->> '$.x')",
    postgres: "SELECT '1'::text WHERE $1::text IS NOT NULL",
};

/// The row lock decides a race between one that comes late and one that buries it.
pub(super) const BEAT: Sql = Sql {
    sqlite: "SELECT json_quote($1 ->> '$.owner')",
    postgres: "UPDATE instances SET beat_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint \
               WHERE id = $1::text::jsonb ->> 'owner' RETURNING to_json(id)::text",
};

pub(super) const ENTER: Sql = Sql {
    sqlite: "SELECT json_quote($1 ->> '$.owner')",
    postgres: "INSERT INTO instances (id, beat_at) VALUES ($1::text::jsonb ->> 'owner', \
               (extract(epoch FROM clock_timestamp()) * 1000)::bigint) RETURNING to_json(id)::text",
};

pub(super) const LEAVE: Sql = Sql {
    sqlite: "SELECT json_quote($1 ->> '$.owner')",
    postgres: "DELETE FROM instances WHERE id = $1::text::jsonb ->> 'owner' RETURNING to_json(id)::text",
};

pub(super) const BURY: Sql = Sql {
    sqlite: "SELECT json_quote($1 ->> '$.owner') WHERE false",
    postgres: "DELETE FROM instances WHERE beat_at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint \
               - ($1::text::jsonb ->> 'silence')::bigint RETURNING to_json(id)::text",
};
