"""What issuer and chip compute alike (85-apdu): chip keys, evidence, receipts, token keys, cryptograms."""

import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

ENC, MAC, DEK, RECEIPT = 1, 2, 3, 4


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def aes_cbc(key, iv, data):
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def aes_block(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def chip_key(master, which, se_id):
    """K_x of one chip, for key version 30."""
    return cmac(master, b"kaika/chip/1" + bytes([which]) + se_id)


def evidence_holds(master, kind, se_id, digest, evidence):
    """Whether the chip `se_id` signed `digest` (hex) as `kind`: `consent` or `payment`."""
    label = f"kaika/{kind}/1".encode()
    key = chip_key(master, RECEIPT, se_id)
    return hmac.compare_digest(cmac(key, label + se_id + bytes.fromhex(digest)).hex(), evidence)


def receipt(master, se_id, token_ref, request_context, version, template):
    """The receipt for token data whose E1 value, with keys in the clear, is `template`."""
    key = chip_key(master, RECEIPT, se_id)
    covered = se_id + token_ref + request_context + bytes([version]) + hashlib.sha256(template).digest()
    return cmac(key, b"kaika/receipt/1" + covered)


def _des_ecb(key, data, decrypt=False):
    """One, two or three DES keys as Triple DES, block by block."""
    full = {8: key * 3, 16: key + key[:8], 24: key}[len(key)]
    cipher = Cipher(TripleDES(full), modes.ECB())
    worker = cipher.decryptor() if decrypt else cipher.encryptor()
    return worker.update(data) + worker.finalize()


def odd_parity(key):
    return bytes(byte & 0xFE | (bin(byte >> 1).count("1") + 1) % 2 for byte in key)


def token_key(master, token, psn):
    """UDK by option A of EMV Book 2, A1.4.1; `psn` is two digits."""
    y = bytes.fromhex((token + psn)[-16:].rjust(16, "0"))
    inverted = bytes(byte ^ 0xFF for byte in y)
    return odd_parity(_des_ecb(master, y) + _des_ecb(master, inverted))


def session_key(udk, counter):
    """EMV common session key for one transaction counter (two bytes)."""
    left, right = counter + b"\xf0" + bytes(5), counter + b"\x0f" + bytes(5)
    return _des_ecb(udk, left) + _des_ecb(udk, right)


def retail_mac(key, data):
    """ISO 9797-1 MAC algorithm 3 with padding method 2; 8 bytes."""
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 8)
    left = key[:8] * 3
    encryptor = Cipher(TripleDES(left), modes.CBC(bytes(8))).encryptor()
    last = (encryptor.update(padded) + encryptor.finalize())[-8:]
    return _des_ecb(key[:8], _des_ecb(key[8:], last, decrypt=True))


def response_cryptogram(key, request_cryptogram, status_update):
    """ARPC by method 2: four bytes over the request's cryptogram and the CSU."""
    return retail_mac(key, request_cryptogram + status_update)[:4]
