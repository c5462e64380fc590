//! Tests of the issuer: histories and what they lead to.
