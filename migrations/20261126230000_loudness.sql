-- How loud sounds are, by EBU R 128: of each segment, and of each rendition when it is complete.
ALTER TABLE segments ADD COLUMN loudness BYTEA;
ALTER TABLE renditions ADD COLUMN integrated_lufs DOUBLE PRECISION;
ALTER TABLE renditions ADD COLUMN loudness_range_lu DOUBLE PRECISION;
ALTER TABLE renditions ADD COLUMN true_peak_dbtp DOUBLE PRECISION;
