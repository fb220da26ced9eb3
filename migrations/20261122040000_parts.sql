-- Parts are remembered with the whole that they became: whoever lost the answer asks again and loses nothing.
ALTER TABLE uploads ADD COLUMN joined UUID;
-- Bytes that an upload of unknown length is counted with until its length is known.
ALTER TABLE uploads ADD COLUMN reserved_bytes BIGINT NOT NULL DEFAULT 0;
