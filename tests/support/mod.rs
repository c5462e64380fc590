//! What the whole-system tests share: processes to start and kill, an HTTP client without manners, a phone in steps.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

pub mod http;
pub mod phone;
pub mod servers;
