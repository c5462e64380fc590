"""The primitives by their names in the standards; all of them are those of the package `cryptography`."""

import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

ZERO_BLOCK = bytes(16)

equal = hmac.compare_digest


def aes_cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, 16 bytes."""
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()


def aes_block(key: bytes, block: bytes) -> bytes:
    """One block of AES."""
    return Cipher(AES(key), modes.ECB()).encryptor().update(block)


def aes_cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-CBC of whole blocks."""
    return Cipher(AES(key), modes.CBC(iv)).encryptor().update(data)


def aes_cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """The other way."""
    return Cipher(AES(key), modes.CBC(iv)).decryptor().update(data)


def pad(data: bytes, block: int) -> bytes:
    """80, then zeros up to a whole block: ISO/IEC 9797-1, padding method 2."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad(data: bytes, block: int) -> bytes | None:
    """What was filled up by `pad`, or None."""
    text = data.rstrip(b"\x00")
    if not text.endswith(b"\x80") or len(data) - len(text) >= block:
        return None
    return text[:-1]


def des3(key: bytes, block: bytes) -> bytes:
    """Two-key Triple DES of one block."""
    return Cipher(TripleDES(key + key[:8]), modes.ECB()).encryptor().update(block)


def retail_mac(key: bytes, blocks: bytes) -> bytes:
    """ISO/IEC 9797-1 MAC algorithm 3 with DES over whole blocks, 8 bytes."""
    left = key[:8]
    single = Cipher(TripleDES(left * 3), modes.CBC(bytes(8))).encryptor()
    head = (bytes(8) + single.update(blocks[:-8]))[-8:]
    last = bytes(a ^ b for a, b in zip(head, blocks[-8:]))
    return des3(key, last)
