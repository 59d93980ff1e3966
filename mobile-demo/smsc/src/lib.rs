//! A mock SMSC speaking SMPP 3.4.
