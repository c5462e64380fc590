//! A chip on the bench: the host's end of its channel, its memory, and the states that a test begins in.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test takes a part of the bench"
)]
#![expect(clippy::unwrap_used, reason = "a bench that is wrong is a failed test")]

use kaika_crypto::chip::{ChipKeys, padded_pin, wrap_pin, wrap_token_key};
use kaika_crypto::digest::sha256;
use kaika_crypto::mac::aes_cmac;
use kaika_crypto::scp03::{Channel, Header, Level, SessionKeys};
use kaika_crypto::{AesKey, ChipMasterKey, TokenKey};
use kaika_secure_element::Chip;
use kaika_secure_element::image::{Image, RECORDS, Record};
use kaika_secure_element::journal::{FLASH_LEN, MemoryFlash};

pub const SE_ID: [u8; 8] = [0x4b, 0, 0, 0, 0, 0, 0, 7];
pub const DOMAIN: &str = "F04B41494B4100";
/// AID of the first slot.
pub const SLOT: &str = "F04B41494B410101";
/// 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37.
pub const SALE: &str = "000000001250000000000000015600000000000156261124000A0B0C0D";
const HOST: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

pub fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

pub fn keys() -> ChipKeys {
    ChipKeys::derive(&ChipMasterKey::new([0x40; 16]), &SE_ID)
}

/// The key of token `n`.
pub const fn token_key(n: u8) -> [u8; 16] {
    [0x10 | n; 16]
}

/// The value of the template of token `n`, with this key field.
pub fn template_value(n: u8, key: &[u8; 16]) -> Vec<u8> {
    let head = hex(&format!(
        "DF2210{} 5A0862990000000000{n:02X} 5F2403301231 5F340101 DF3110",
        format!("{n:02X}").repeat(16)
    ));
    let tail = hex(&format!(
        "DF330101 DF3520{}",
        format!("{:02X}", n ^ 0xff).repeat(32)
    ));
    [&head, &key[..], &tail].concat()
}

/// The template of token `n`, whole.
pub fn template(n: u8) -> Vec<u8> {
    let sealed = wrap_token_key(&keys().dek, &TokenKey::new(token_key(n)));
    let value = template_value(n, &sealed);
    let length = u8::try_from(value.len()).unwrap();
    [&[0xe1, length], &value[..]].concat()
}

/// The reference PIN of [`pin_template`], and another, as PIN blocks.
pub const PIN: &str = "241234FFFFFFFFFF";
pub const OTHER_PIN: &str = "241235FFFFFFFFFF";

/// The template of token `n` with these objects behind the others, in the clear and as sent.
pub fn longer_template(n: u8, pin: Option<&str>, version: Option<u8>) -> [Vec<u8>; 2] {
    let object = |sealed: bool| {
        let Some(pin) = pin else { return Vec::new() };
        let block = hex(pin).try_into().unwrap();
        let value = if sealed {
            wrap_pin(&keys().dek, &block)
        } else {
            padded_pin(&block)
        };
        [&hex("DF3610"), &value[..]].concat()
    };
    let version = version.map_or(Vec::new(), |version| vec![0xdf, 0x37, 1, version]);
    let key = wrap_token_key(&keys().dek, &TokenKey::new(token_key(n)));
    [(token_key(n), false), (key, true)]
        .map(|(key, sealed)| [&template_value(n, &key)[..], &object(sealed), &version].concat())
}

/// A template around its value.
pub fn around(value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    [&[0xe1, length], value].concat()
}

/// The template of token `n` that has a PIN, whole.
pub fn pin_template(n: u8) -> Vec<u8> {
    around(&longer_template(n, Some(PIN), None)[1])
}

/// A memory whose first copies hold this image, as the module `journal` says it.
pub fn flash_with(image: &Image) -> MemoryFlash {
    let mut bytes = Vec::new();
    for number in 0..RECORDS {
        let length = Record::payload_len(number);
        let payload = image.record(number).payload();
        let copy = [&1_u32.to_be_bytes()[..], &payload[..length]].concat();
        let mark = u8::try_from(number).unwrap();
        let digest = sha256(&[b"kaika/record/1", &[mark], &copy[..4], &copy[4..]]);
        bytes.extend([&copy[..], &digest[..8]].concat());
        bytes.extend(vec![0xff; length + 12]);
    }
    MemoryFlash::with(bytes.try_into().unwrap())
}

/// A chip and the host that speaks to it.
pub struct Bench {
    pub chip: Chip<MemoryFlash>,
    channel: Option<Channel>,
}

/// What is said: as it stands, or through the channel.
#[derive(Clone, Debug)]
pub enum Say {
    Plain(Vec<u8>),
    Secured([u8; 4], Vec<u8>),
}

/// As it stands.
pub fn plain(command: &str) -> Say {
    Say::Plain(hex(command))
}

/// Through the channel.
pub fn secured(header: &str, data: &str) -> Say {
    Say::Secured(hex(header).try_into().unwrap(), hex(data))
}

impl Bench {
    pub fn over(flash: MemoryFlash) -> Self {
        let chip = Chip::new(keys(), SE_ID, flash).unwrap();
        let channel = None;
        Self { chip, channel }
    }

    /// What is left after power was cut: a new chip over the same bytes.
    pub fn again(&mut self) -> Self {
        Self::over(MemoryFlash::with(self.memory()))
    }

    pub fn memory(&mut self) -> [u8; FLASH_LEN] {
        *self.chip.flash().bytes()
    }

    /// Says it and gives data, in the clear when it is a good answer in a channel, and status word.
    pub fn say(&mut self, say: &Say) -> (Vec<u8>, u16) {
        match say {
            Say::Plain(command) => self.raw(command),
            Say::Secured(header, data) => self.secured(*header, data),
        }
    }

    pub fn raw(&mut self, command: &[u8]) -> (Vec<u8>, u16) {
        let mut out = [0; 258];
        let length = self.chip.process(command, &mut out);
        let (data, status) = out[..length].split_last_chunk::<2>().unwrap();
        (data.to_vec(), u16::from_be_bytes(*status))
    }

    /// Wraps a command; without a channel it gets a MAC of zeros.
    pub fn wrap(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut field = [0; 300];
        let header_seen = Header {
            bytes: header,
            extended: false,
        };
        let length = self.channel.as_mut().map_or(8, |channel| {
            channel.protect(header_seen, data, &mut field).unwrap()
        });
        let lc = u8::try_from(length).unwrap();
        [&header[..], &[lc], &field[..length], &[0]].concat()
    }

    fn secured(&mut self, header: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
        let command = self.wrap(header, data);
        let (answer, status) = self.raw(&command);
        let good = matches!(status >> 8, 0x90 | 0x62 | 0x63);
        let Some(channel) = self.channel.as_ref().filter(|_| good) else {
            return (answer, status);
        };
        let mut out = [0; 256];
        let length = channel
            .open_response(&answer, status.to_be_bytes(), &mut out)
            .unwrap();
        (out[..length].to_vec(), status)
    }

    /// Must be good; gives the data.
    pub fn good(&mut self, say: &Say) -> Vec<u8> {
        let (data, status) = self.say(say);
        assert_eq!(status, 0x9000, "{status:04X}");
        data
    }

    pub fn select(&mut self, aid: &str) -> (Vec<u8>, u16) {
        let length = aid.len() / 2;
        self.say(&plain(&format!("00A40400{length:02X}{aid}00")))
    }

    /// INITIALIZE UPDATE with the host's challenge; gives the card's.
    pub fn challenge(&mut self) -> [u8; 8] {
        let answer = self.good(&plain("80503000 08 0102030405060708 00"));
        answer[13..21].try_into().unwrap()
    }

    /// The data of EXTERNAL AUTHENTICATE for the card's challenge.
    pub fn host(&mut self, level: Level, card: &[u8; 8]) -> [u8; 16] {
        let keys = keys();
        let session = SessionKeys::derive(&keys.enc, &keys.mac, &HOST, card);
        let (channel, data) = Channel::host(session, level, &HOST, card);
        self.channel = Some(channel);
        data
    }

    /// EXTERNAL AUTHENTICATE, spoilt in one byte when `spoil` says which.
    pub fn authenticate(&mut self, level: Level, card: &[u8; 8], spoil: Option<usize>) -> u16 {
        let mut data = self.host(level, card);
        if let Some(at) = spoil {
            data[at] ^= 1;
        }
        self.raw(&[&[0x84, 0x82, level.byte(), 0, 16], &data[..]].concat())
            .1
    }

    /// A cryptogram of zeros under its right MAC.
    pub fn wrong_cryptogram(&mut self, card: &[u8; 8]) -> u16 {
        let label = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0x80, 1];
        let key = AesKey::new(aes_cmac(&keys().mac, &[&label, &HOST, card]));
        let head = [0x84, 0x82, 0x33, 0, 16];
        let mac = aes_cmac(&key, &[&[0; 16], &head, &[0; 8]]);
        self.raw(&[&head[..], &[0; 8], &mac[..8]].concat()).1
    }

    pub fn open(&mut self, level: Level) {
        assert_eq!(self.select(DOMAIN).1, 0x9000);
        let card = self.challenge();
        assert_eq!(self.authenticate(level, &card, None), 0x9000);
    }

    /// Stages token `n` in two blocks.
    pub fn stage(&mut self, n: u8) -> u16 {
        self.stage_this(&template(n))
    }

    /// Stages a template in two blocks.
    pub fn stage_this(&mut self, template: &[u8]) -> u16 {
        let (first, last) = template.split_at(50);
        self.good(&Say::Secured([0x84, 0xe2, 0, 0], first.to_vec()));
        self.say(&Say::Secured([0x84, 0xe2, 0x80, 1], last.to_vec()))
            .1
    }

    pub fn commit(&mut self) -> Vec<u8> {
        self.good(&secured("84F0400F", "4F00"))
    }

    pub fn options(&mut self) {
        self.good(&gpo());
    }
}

/// VERIFY with this PIN block.
pub fn verify(block: &str) -> Say {
    plain(&format!("00200080 08 {block}"))
}

pub fn gpo() -> Say {
    plain(&format!("80A80000 23 8321 36000000{SALE} 00"))
}

pub fn first(kind: &str) -> Say {
    plain(&format!("80AE{kind}00 1D {SALE} 00"))
}

pub fn second(kind: &str) -> Say {
    plain(&format!("80AE{kind}00 1F 3030{SALE} 00"))
}

/// From the factory.
pub fn factory() -> Bench {
    Bench::over(MemoryFlash::default())
}

/// The issuer's domain is selected.
pub fn domain() -> Bench {
    let mut bench = factory();
    bench.select(DOMAIN);
    bench
}

/// A challenge was given.
pub fn challenged() -> Bench {
    let mut bench = domain();
    let card = bench.challenge();
    bench.host(Level::Both, &card);
    bench
}

/// The channel is open.
pub fn open() -> Bench {
    let mut bench = factory();
    bench.open(Level::Both);
    bench
}

/// The first block of token 1 was taken.
pub fn begun() -> Bench {
    let mut bench = open();
    bench.good(&Say::Secured(
        [0x84, 0xe2, 0, 0],
        template(1)[..50].to_vec(),
    ));
    bench
}

/// Token 1 is staged; the channel is open.
pub fn staged() -> Bench {
    let mut bench = open();
    assert_eq!(bench.stage(1), 0x9000);
    bench
}

/// Token 1 is active; the channel is open.
pub fn active() -> Bench {
    let mut bench = staged();
    bench.commit();
    bench
}

/// Token 1 is suspended; the channel is open.
pub fn suspended() -> Bench {
    let mut bench = active();
    bench.good(&secured("84F04080", &format!("4F08{SLOT}")));
    bench
}

/// Token 1 is deleted; the channel is open.
pub fn deleted() -> Bench {
    let mut bench = active();
    bench.good(&secured("84E40000", &format!("4F08{SLOT}")));
    bench
}

/// Four tokens are active; the channel is open.
pub fn full() -> Bench {
    let mut bench = open();
    for n in 1..=4 {
        assert_eq!(bench.stage(n), 0x9000);
        bench.commit();
    }
    bench
}

/// Token 1 is active and its slot selected.
pub fn selected() -> Bench {
    let mut bench = active();
    assert_eq!(bench.select(SLOT).1, 0x9000);
    bench
}

/// Processing options were given.
pub fn initiated() -> Bench {
    let mut bench = selected();
    bench.options();
    bench
}

/// The first cryptogram was a request.
pub fn asked() -> Bench {
    let mut bench = initiated();
    bench.good(&first("80"));
    bench
}

/// Both cryptograms were given.
pub fn done() -> Bench {
    let mut bench = asked();
    bench.good(&second("40"));
    bench
}

/// Token 1 has a PIN, and is in the middle of a payment.
pub fn pin_initiated() -> Bench {
    let mut bench = open();
    assert_eq!(bench.stage_this(&pin_template(1)), 0x9000);
    bench.commit();
    assert_eq!(bench.select(SLOT).1, 0x9000);
    bench.options();
    bench
}

/// Token 1 makes cryptograms of version 10; the issuer is asked.
pub fn ten_asked() -> Bench {
    let mut bench = open();
    let [_, value] = longer_template(1, None, Some(0x0a));
    assert_eq!(bench.stage_this(&around(&value)), 0x9000);
    bench.commit();
    assert_eq!(bench.select(SLOT).1, 0x9000);
    bench.options();
    bench.good(&first("80"));
    bench
}
