"""The issuer's half of an SCP03 channel (GlobalPlatform Amendment D) with AES-128, S8 mode, level 03."""

import hmac

from .chipcrypto import ENC, MAC, aes_block, aes_cbc, chip_key, cmac

SECURITY_DOMAIN = bytes.fromhex("F04B41494B4100")
KEY_VERSION = 0x30
LEVEL = 0x03  # Command MAC and command encryption: what STORE DATA needs.


class ChannelError(Exception):
    """The chip's answer is not that of a chip with these keys."""


def _derive(key, constant, bits, context):
    data = bytes(11) + bytes([constant, 0]) + bits.to_bytes(2, "big") + b"\x01" + context
    return cmac(key, data)[: bits // 8]


class Channel:
    """From the answer to INITIALIZE UPDATE on; `wrap` secures one command after the other."""

    @classmethod
    def opened(cls, master, se_id, host_challenge, answer):
        """The channel to the chip `se_id`, by its answer: div(10) KVN 03 70 challenge(8) cryptogram(8) sequence(3)."""
        if len(answer) != 32 or answer[:10] != b"\x00\x00" + se_id or answer[10:13] != bytes([KEY_VERSION, 3, 0x70]):
            raise ChannelError("key information")
        return cls(chip_key(master, ENC, se_id), chip_key(master, MAC, se_id), host_challenge, answer[13:21],
                           answer[21:29], answer[29:32])

    def __init__(self, enc, mac, host_challenge, card_challenge, card_cryptogram, sequence):
        context = host_challenge + card_challenge
        if not hmac.compare_digest(card_challenge, _derive(enc, 0x02, 64, sequence + SECURITY_DOMAIN)):
            raise ChannelError("card challenge")
        self._enc = _derive(enc, 0x04, 128, context)
        self._mac = _derive(mac, 0x06, 128, context)
        if not hmac.compare_digest(card_cryptogram, _derive(self._mac, 0x00, 64, context)):
            raise ChannelError("card cryptogram")
        self._host_cryptogram = _derive(self._mac, 0x01, 64, context)
        self._chaining = bytes(16)
        self._counter = 0

    def external_authenticate(self):
        return self._with_mac(bytes([0x84, 0x82, LEVEL, 0x00]), self._host_cryptogram)

    def wrap(self, header, data):
        """The command with these four header bytes: encrypted, with its MAC, and Le 00."""
        self._counter += 1
        if data:
            iv = aes_block(self._enc, self._counter.to_bytes(16, "big"))
            padded = data + b"\x80" + bytes(-(len(data) + 1) % 16)
            data = aes_cbc(self._enc, iv, padded)
        return self._with_mac(header, data) + b"\x00"

    def _with_mac(self, header, data):
        command = header + bytes([len(data) + 8]) + data
        self._chaining = cmac(self._mac, self._chaining + command)
        return command + self._chaining[:8]
