//! Tests of the verifier: histories and what they lead to.
