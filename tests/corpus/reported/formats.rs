//! Containers and codecs: played, or refused by name; nothing vanishes in silence.
