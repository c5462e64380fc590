"""The keys of a chip, from the issuer's master key and the chip's number: 85-apdu, Keys."""

from dataclasses import dataclass

from .crypto import aes_cmac

ENC, MAC, DEK, RECEIPT = 1, 2, 3, 4

#: Bytes of the channel keys of each version.
KEY_SIZES = {0x30: 16, 0x31: 24, 0x32: 32}
DEFAULT_VERSION = 0x30


@dataclass(frozen=True)
class KeySet:
    """The static channel keys of one version."""

    enc: bytes
    mac: bytes
    dek: bytes


def derive(master: bytes, se_id: bytes) -> tuple[dict[int, KeySet], bytes]:
    """The key sets by version, and the receipt key."""
    sets = {
        version: KeySet(*(_key(master, se_id, kind, version) for kind in (ENC, MAC, DEK)))
        for version in KEY_SIZES
    }
    return sets, _key(master, se_id, RECEIPT, DEFAULT_VERSION)


def _key(master: bytes, se_id: bytes, kind: int, version: int) -> bytes:
    start = b"kaika/chip/1" + bytes([kind]) + se_id
    if version == DEFAULT_VERSION:
        return aes_cmac(master, start)
    blocks = (aes_cmac(master, start + bytes([version, i])) for i in (1, 2))
    return b"".join(blocks)[: KEY_SIZES[version]]
