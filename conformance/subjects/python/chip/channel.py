"""SCP03 on the card's side (GlobalPlatform Amendment D), S8 mode, i = 70."""

from dataclasses import dataclass, field

from . import crypto
from .keys import KeySet
from .words import SECURITY, Refusal, is_error, require

COMMAND_MAC, ENCRYPTION, ANSWER_MAC, ANSWER_ENCRYPTION = 0x01, 0x02, 0x10, 0x20
LEVELS = (0x01, 0x03, 0x11, 0x13, 0x33)
MAC_SIZE = 8


def derived(key: bytes, constant: int, bits: int, context: bytes) -> bytes:
    """The data derivation scheme: `bits` bits for one purpose."""
    size = bits // 8
    blocks = (
        crypto.aes_cmac(key, bytes(11) + bytes([constant, 0]) + bits.to_bytes(2) + bytes([i]) + context)
        for i in range(1, -(-size // 16) + 1)
    )
    return b"".join(blocks)[:size]


@dataclass(frozen=True)
class Challenge:
    """An opening that waits for EXTERNAL AUTHENTICATE."""

    s_enc: bytes
    s_mac: bytes
    s_rmac: bytes
    dek: bytes
    host_cryptogram: bytes
    card_cryptogram: bytes

    @classmethod
    def make(cls, keys: KeySet, host: bytes, card: bytes) -> "Challenge":
        """Session keys and cryptograms over both challenges."""
        context, bits = host + card, len(keys.enc) * 8
        s_mac = derived(keys.mac, 0x06, bits, context)
        return cls(
            s_enc=derived(keys.enc, 0x04, bits, context),
            s_mac=s_mac,
            s_rmac=derived(keys.mac, 0x07, bits, context),
            dek=keys.dek,
            host_cryptogram=derived(s_mac, 0x01, 64, context),
            card_cryptogram=derived(s_mac, 0x00, 64, context),
        )


@dataclass
class Channel:
    """An open channel. `counter` is that of the last command, `chaining` its whole MAC."""

    keys: Challenge
    level: int
    chaining: bytes
    counter: int = field(default=0)

    def unwrap(self, header: bytes, data: bytes, extended: bool) -> bytes:
        """The plain data field of a command; 6982 when MAC or padding is wrong."""
        require(len(data) >= MAC_SIZE, SECURITY)
        body, mac = data[:-MAC_SIZE], data[-MAC_SIZE:]
        whole = command_mac(self.keys.s_mac, self.chaining, header, body, extended)
        require(crypto.equal(whole[:MAC_SIZE], mac), SECURITY)
        self.chaining = whole
        self.counter += 1
        if self.level & ENCRYPTION and body:
            return self._decrypt(body)
        return body

    def _decrypt(self, body: bytes) -> bytes:
        require(len(body) % 16 == 0, SECURITY)
        plain = crypto.unpad(crypto.aes_cbc_decrypt(self.keys.s_enc, self._iv(0), body), 16)
        if plain is None:
            raise Refusal(SECURITY)
        return plain

    def wrap(self, data: bytes, sw: int) -> bytes:
        """The data field of an answer with this word."""
        if is_error(sw) or not self.level & ANSWER_MAC:
            return data
        if self.level & ANSWER_ENCRYPTION and data:
            data = crypto.aes_cbc_encrypt(self.keys.s_enc, self._iv(0x80), crypto.pad(data, 16))
        return data + crypto.aes_cmac(self.keys.s_rmac, self.chaining + data + sw.to_bytes(2))[:MAC_SIZE]

    def wrapped_size(self, size: int) -> int:
        """How long a data field of `size` bytes, more than none, is after `wrap`."""
        if self.level & ANSWER_ENCRYPTION:
            size += 16 - size % 16
        return size + (MAC_SIZE if self.level & ANSWER_MAC else 0)

    def _iv(self, first: int) -> bytes:
        return crypto.aes_block(self.keys.s_enc, bytes([first]) + self.counter.to_bytes(15))


def command_mac(key: bytes, chaining: bytes, header: bytes, body: bytes, extended: bool) -> bytes:
    """The whole MAC of a command: chaining value, header, Lc with the MAC counted in, data."""
    lc = len(body) + MAC_SIZE
    length = b"\x00" + lc.to_bytes(2) if extended else bytes([lc])
    return crypto.aes_cmac(key, chaining + header + length + body)
