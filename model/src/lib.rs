//! The protocol as pure total role steps, checked by Stateright.
