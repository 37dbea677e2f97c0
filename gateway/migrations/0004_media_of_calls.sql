-- What the media of each side of a call carried: packets, interarrival jitter and round trip in milliseconds. NULL: no media, or an older record.
ALTER TABLE calls ADD COLUMN courier_packets_received INTEGER;
ALTER TABLE calls ADD COLUMN courier_packets_lost INTEGER;
ALTER TABLE calls ADD COLUMN courier_packets_sent INTEGER;
ALTER TABLE calls ADD COLUMN courier_jitter_ms REAL;
ALTER TABLE calls ADD COLUMN courier_round_trip_ms REAL;
ALTER TABLE calls ADD COLUMN phone_packets_received INTEGER;
ALTER TABLE calls ADD COLUMN phone_packets_lost INTEGER;
ALTER TABLE calls ADD COLUMN phone_packets_sent INTEGER;
ALTER TABLE calls ADD COLUMN phone_jitter_ms REAL;
ALTER TABLE calls ADD COLUMN phone_round_trip_ms REAL;
