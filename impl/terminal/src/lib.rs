//! The phone app: collects, relays to its chip, pays.
