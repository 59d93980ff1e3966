//! Embedded STUN and TURN for the media of calls.
