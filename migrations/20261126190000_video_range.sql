-- What a kept picture is beyond its codec: VIDEO-RANGE and SUPPLEMENTAL-CODECS of its variant.
ALTER TABLE renditions ADD COLUMN video_range TEXT NOT NULL DEFAULT 'SDR';
ALTER TABLE renditions ADD COLUMN supplemental_codecs TEXT;
