-- Times are Unix milliseconds; numbers are E.164 with the plus.
CREATE TABLE orders (
    id TEXT PRIMARY KEY NOT NULL,
    courier TEXT NOT NULL,
    customer TEXT NOT NULL,
    company_number TEXT NOT NULL,
    label TEXT NOT NULL,
    opens_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL,
    grace_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_courier ON orders (courier, opens_at DESC);
CREATE INDEX orders_by_numbers ON orders (company_number, customer, opens_at DESC);
