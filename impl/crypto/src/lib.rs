//! SCP03, EMV cryptograms, password proofs: our use of other people's primitives.
