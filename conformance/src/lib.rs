//! Plays vectors over the real wires against any subject, with its own codec and crypto.
