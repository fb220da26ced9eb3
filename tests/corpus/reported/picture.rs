//! Orientation, colour, size, rate of the picture; level of the sound.
