-- How quickly a worker does what was estimated: seconds of one core, as they are estimated, in a second; unknown before it has done any.

ALTER TABLE workers ADD COLUMN speed DOUBLE PRECISION;
