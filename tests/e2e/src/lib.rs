//! Tests in which real parts of Tandem meet real peers; see `tests/`.
