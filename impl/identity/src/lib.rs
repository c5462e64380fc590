//! The identity system: match scores behind reference numbers.
