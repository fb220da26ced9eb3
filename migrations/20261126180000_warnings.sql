-- What of a source is not part of its package, and why: a JSON array of codes and sentences, known once it is planned.
ALTER TABLE packages ADD COLUMN warnings TEXT;
