//! Picture and sound together, as FFmpeg's own HLS demuxer presents them.
