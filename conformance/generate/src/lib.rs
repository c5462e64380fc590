//! Vectors from the model: the only crate that names both model and conformance.

pub mod walk;
