//! Tests of the house itself: which room may import which, under which licences, and what no file may hold.
//!
//! There is nothing here but tests; see `tests/`.
