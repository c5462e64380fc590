//! Every number of the protocol. Each cites the requirement in `spec/98-limits.md` that sets it.

/// Digits of a one-time code (LIM-1).
pub const OTP_DIGITS: usize = 6;
/// Life of a one-time code, milliseconds (LIM-2).
pub const OTP_TTL_MS: i64 = 600_000;
/// Wrong submissions that a code survives being one fewer than; at this many it is dead (LIM-3).
pub const OTP_TRIES_MAX: u32 = 5;
/// Codes sent for one card request (LIM-4).
pub const OTP_SENDS_MAX: u32 = 3;
/// Least time between two sends, milliseconds (LIM-5).
pub const OTP_RESEND_MS: i64 = 60_000;
/// Wrong codes in a window over all requests of one phone, account or identity (LIM-6).
pub const GUESS_BUDGET: u32 = 10;
/// The window of the guess budget, milliseconds (LIM-6).
pub const GUESS_WINDOW_MS: i64 = 86_400_000;
/// Wrong passwords before an account is locked (LIM-7).
pub const PASSWORD_TRIES_MAX: u32 = 5;
/// How long an account stays locked, milliseconds (LIM-8).
pub const PASSWORD_LOCK_MS: i64 = 900_000;
/// How far a message's time may be from the receiver's, milliseconds either way (LIM-9).
pub const TIME_WINDOW_MS: i64 = 60_000;
/// Life of a card request up to issuance, milliseconds (LIM-10).
pub const REQUEST_TTL_MS: i64 = 1_800_000;
/// Life of an eligibility decision, milliseconds (LIM-11).
pub const ELIGIBILITY_TTL_MS: i64 = 1_800_000;
/// Life of a photo or video policy, milliseconds (LIM-12).
pub const POLICY_TTL_MS: i64 = 300_000;
/// Life of an identity reference, milliseconds (LIM-13).
pub const REFERENCE_TTL_MS: i64 = 600_000;
/// Least accepted score of every component, of 1000 (LIM-14).
pub const SCORE_MIN: u16 = 750;
/// Life of an order, milliseconds (LIM-15).
pub const ORDER_TTL_MS: i64 = 900_000;
/// An inactive token is deleted after this long, milliseconds (LIM-16).
pub const INACTIVE_TOKEN_TTL_MS: i64 = 2_592_000_000;
/// Largest HTTP body, bytes (LIM-17).
pub const BODY_MAX: usize = 1_048_576;
/// Largest single amount, minor units (LIM-18).
pub const AMOUNT_MAX_MINOR: u64 = 99_999_999;
/// Credit given to a new card, minor units (LIM-19).
pub const CARD_LIMIT_MINOR: u64 = 1_000_000;
/// Largest tap without cardholder verification, minor units (LIM-20).
pub const TAP_LIMIT_MINOR: u64 = 100_000;
/// Live cards of one product for one person (LIM-21).
pub const CARDS_PER_PRODUCT: usize = 1;
/// Largest accepted command APDU, bytes (LIM-22).
pub const APDU_MAX: usize = 1_033;
/// Deepest BER-TLV nesting (LIM-23).
pub const TLV_DEPTH_MAX: usize = 8;
/// Failed EXTERNAL AUTHENTICATEs before the chip refuses to open a channel (LIM-24).
pub const CHANNEL_TRIES_MAX: u8 = 10;
/// Token slots in a chip (LIM-25).
pub const SLOTS: usize = 4;
/// Draws from the token range before giving up (LIM-26).
pub const MINT_DRAWS_MAX: u32 = 64;
/// Largest ISO 8583 message, bytes (LIM-27).
pub const ISO8583_MAX: usize = 2_048;
/// Frames in one video answer (LIM-28).
pub const FRAMES_MAX: usize = 8;
/// First digits of every token number, unless other ranges are configured (LIM-29).
pub const TOKEN_BIN: &str = "62990000";
/// First digits of every card number, PAN, unless other ranges are configured (LIM-30).
pub const PAN_BIN: &str = "62880000";
/// Digits of a PAN and of a token (LIM-31).
pub const PAN_DIGITS: usize = 16;
/// Argon2id memory, KiB (LIM-32).
pub const ARGON2_M_KIB: u32 = 19_456;
/// Argon2id passes (LIM-32).
pub const ARGON2_T: u32 = 2;
/// Argon2id lanes (LIM-32).
pub const ARGON2_P: u32 = 1;
/// A token pays for this long after it was minted, ms (LIM-33).
pub const TOKEN_LIFE_MS: i64 = 157_680_000_000;
/// A range from which this part of its numbers was given gives no more, percent (LIM-34).
pub const RANGE_LOAD_MAX: u64 = 50;
/// Sealed PANs that one transaction moves to the newest vault key (LIM-35).
pub const RESEAL_MAX: u64 = 64;
/// Tokens that one message may ask for (LIM-36).
pub const BULK_MINT_MAX: usize = 64;
/// Fewest numbers of a range for FF1 (LIM-37).
pub const FF1_DOMAIN_MIN: u64 = 1_000_000;
/// Characters of a payment account reference (LIM-38).
pub const PAR_LENGTH: usize = 29;
/// First characters of every payment account reference: who gives them (LIM-39).
pub const PAR_CONTROLLER: &str = "KAI1";
/// Digits of a token requestor id (LIM-40).
pub const REQUESTOR_DIGITS: usize = 11;
/// The requestor id of the verifier, unless configured otherwise (LIM-41).
pub const REQUESTOR_ID: &str = "62900000001";
/// Longest data field of one command, in one APDU or in a chain, bytes (LIM-42).
pub const DATA_MAX: usize = 1_024;
/// Wrong PINs in a row before the chip verifies none (LIM-43).
pub const PIN_TRIES_MAX: u8 = 3;
/// How far a transaction counter may be above the last one that was verified (LIM-44).
pub const ATC_WINDOW: u16 = 1_000;
/// A frame is complete so long after its first byte, milliseconds (LIM-45).
pub const FRAME_MS: u64 = 10_000;
/// ISO 8583 requests of one connection that are judged at once (LIM-46).
pub const IN_FLIGHT_MAX: usize = 64;
/// What cards are kept in, ISO 4217 numeric (LIM-47).
pub const CARD_CURRENCY: &str = "156";
/// Longest line of an event log, bytes (LIM-48).
pub const EVENT_MAX: usize = 16_384;
