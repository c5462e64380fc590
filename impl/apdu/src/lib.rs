//! ISO 7816-4 command APDUs, BER-TLV and DOL: bytes to types and back.
