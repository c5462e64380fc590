//! The shop terminal: drives the chip by APDU and asks the issuer.
