//! Status words (ISO 7816-4 table 5, GlobalPlatform 11.1.3).

/// Normal end.
pub const OK: u16 = 0x9000;
/// The selected application is suspended; its FCI came with this.
pub const SUSPENDED: u16 = 0x6283;
/// The host's cryptogram is wrong.
pub const CRYPTOGRAM_WRONG: u16 = 0x6300;
/// The length is not one of the seven cases, or not the one this command has.
pub const LENGTH: u16 = 0x6700;
/// This logical channel does not exist.
pub const CHANNEL: u16 = 0x6881;
/// Command chaining does not exist here.
pub const CHAINING: u16 = 0x6884;
/// The security status does not allow this.
pub const SECURITY: u16 = 0x6982;
/// Blocked for good.
pub const BLOCKED: u16 = 0x6983;
/// The state does not allow this.
pub const CONDITIONS: u16 = 0x6985;
/// The data is not what it should be.
pub const DATA: u16 = 0x6a80;
/// No such application or file.
pub const NOT_FOUND: u16 = 0x6a82;
/// No such record.
pub const NO_RECORD: u16 = 0x6a83;
/// No room.
pub const FULL: u16 = 0x6a84;
/// P1 or P2 is wrong.
pub const P1_P2: u16 = 0x6a86;
/// No such object.
pub const NO_OBJECT: u16 = 0x6a88;
/// Unknown instruction.
pub const INSTRUCTION: u16 = 0x6d00;
/// Unknown class.
pub const CLASS: u16 = 0x6e00;
/// The non-volatile memory could not be written.
pub const MEMORY: u16 = 0x6581;
