//! The card issuer: decides, mints, personalises, debits.
