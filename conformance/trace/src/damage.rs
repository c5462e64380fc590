//! Logs damaged on purpose.
