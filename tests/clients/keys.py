"""Vectors of keys: SCP03 sessions and EMV cryptograms, made without any code of this project.

    keys.py DIR           writes DIR/scp03.json and DIR/emv.json
    keys.py --check DIR   exit 1 when one differs

SCP03 by GlobalPlatform Card Specification Amendment D 1.1.1 (S8, i=70), with the AES and CMAC of the package `cryptography`. EMV by
`pyemv`: card key by option A, common session key, cryptogram versions 18 and 10, response cryptograms of method 2.
"""

import hashlib
import json
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")  # Two-key Triple DES is old, and what EMV has.

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: E402
from cryptography.hazmat.primitives.cmac import CMAC  # noqa: E402
from pyemv import ac, kd  # noqa: E402

AID = bytes.fromhex("f04b41494b4100")
LEVELS = (0x01, 0x03, 0x11, 0x13, 0x33)
# Header, data, answer.
COMMANDS = (
    ("84e28000", "e1035a0162", ""),
    ("84f24002", "", "e30a4f0101"),
    ("84f04080", "4f08f04b41494b410101", ""),
    ("84ca9f7f", "", "9f7f084b41494b41000001"),
    ("84e40000", "4f10f04b41494b4101010000000000000000", "00"),
)


def drawn(name, length):
    """Bytes that look like chance and are the same each time."""
    return hashlib.shake_128(name.encode()).digest(length)


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def derived(key, constant, bits, context):
    """NIST SP 800-108 in counter mode: label of 11 zeros and a constant, 00, length, counter, context."""
    blocks = (bits + 127) // 128
    out = b""
    for counter in range(1, blocks + 1):
        out += cmac(key, bytes(11) + bytes([constant, 0]) + bits.to_bytes(2, "big") + bytes([counter]) + context)
    return out[: bits // 8]


def sealed(key, counter, mark, data):
    """AES-CBC after padding; nothing when there is nothing."""
    if not data:
        return b""
    block = bytes([mark]) + counter.to_bytes(15, "big")
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    icv = ecb.update(block) + ecb.finalize()
    data += b"\x80" + bytes(-(len(data) + 1) % 16)
    cbc = Cipher(algorithms.AES(key), modes.CBC(icv)).encryptor()
    return cbc.update(data) + cbc.finalize()


def session(size, level):
    name = f"scp03/aes-{size * 8}/level-{level:02x}"
    enc, mac = drawn(f"{name}/enc", size), drawn(f"{name}/mac", size)
    sequence, host = drawn(f"{name}/sequence", 3), drawn(f"{name}/host", 8)
    card = derived(enc, 0x02, 64, sequence + AID)
    bits, context = size * 8, host + card
    s_enc, s_mac, s_rmac = (derived(key, constant, bits, context) for key, constant in ((enc, 4), (mac, 6), (mac, 7)))
    host_cryptogram = derived(s_mac, 0x01, 64, context)
    chaining = cmac(s_mac, bytes(16) + bytes([0x84, 0x82, level, 0, 16]) + host_cryptogram)
    exchanges = []
    for counter, (header, data, answer) in enumerate(COMMANDS, 1):
        head, plain, said = (bytes.fromhex(text) for text in (header, data, answer))
        field = sealed(s_enc, counter, 0x00, plain) if level & 0x02 else plain
        chaining = cmac(s_mac, chaining + head + bytes([len(field) + 8]) + field)
        back = sealed(s_enc, counter, 0x80, said) if level & 0x20 else said
        if level & 0x10:
            back += cmac(s_rmac, chaining + back + b"\x90\x00")[:8]
        exchanges.append(
            {
                "header": header,
                "data": plain.hex(),
                "field": (field + chaining[:8]).hex(),
                "answer": said.hex(),
                "answerField": back.hex(),
            }
        )
    authenticated = cmac(s_mac, bytes(16) + bytes([0x84, 0x82, level, 0, 16]) + host_cryptogram)[:8]
    return {
        "id": name,
        "level": f"{level:02x}",
        "enc": enc.hex(),
        "mac": mac.hex(),
        "aid": AID.hex(),
        "sequence": sequence.hex(),
        "hostChallenge": host.hex(),
        "cardChallenge": card.hex(),
        "cardCryptogram": derived(s_mac, 0x00, 64, context).hex(),
        "hostCryptogram": host_cryptogram.hex(),
        "externalAuthenticate": (host_cryptogram + authenticated).hex(),
        "exchanges": exchanges,
    }


def payment(number):
    name = f"emv/{number:02}"
    master = drawn(f"{name}/master", 16)
    digits = f"{6299000000000000 + int.from_bytes(drawn(f'{name}/token', 4), 'big') % 10**8:016}"
    counter = drawn(f"{name}/counter", 2)
    names = ("9f02", "9f03", "9f1a", "95", "5f2a", "9a", "9c", "9f37")
    given = {tag: drawn(f"{name}/{tag}", size) for tag, size in zip(names, (6, 6, 2, 5, 2, 3, 1, 4))}
    profile, results, update = (drawn(f"{name}/{what}", size) for what, size in (("82", 2), ("cvr", 4), ("csu", 4)))
    covered = b"".join(given.values()) + profile + counter
    key = kd.derive_icc_mk_a(master, digits, "01")
    session_key = kd.derive_common_sk(key, counter + bytes(6))
    issuer_data = b"\x06\x01\x12" + results
    request = ac.generate_ac(session_key, covered + issuer_data, ac.PaddingType.EMV)
    request_10 = ac.generate_ac(key, covered + results, ac.PaddingType.VISA)
    return {
        "id": name,
        "imk": master.hex(),
        "token": digits,
        "psn": "01",
        "cardKey": key.hex(),
        "sessionKey": session_key.hex(),
        "objects": {tag: value.hex() for tag, value in given.items()} | {"82": profile.hex(), "9f36": counter.hex()},
        "cvr": results.hex(),
        "cryptogram18": request.hex(),
        "cryptogram10": request_10.hex(),
        "cardStatusUpdate": update.hex(),
        "response": ac.generate_arpc_2(session_key, request, update).hex(),
    }


def documents():
    sessions = [session(size, level) for size in (16, 24, 32) for level in LEVELS]
    payments = [payment(number) for number in range(1, 25)]
    source = {
        "scp03": "GlobalPlatform Amendment D 1.1.1 with the AES and CMAC of the Python package cryptography",
        "emv": "the Python package pyemv",
    }
    for name, tests in (("scp03", sessions), ("emv", payments)):
        document = {"source": source[name], "numberOfTests": len(tests), "tests": tests}
        yield f"{name}.json", json.dumps(document, indent=1) + "\n"


def main(arguments):
    check = arguments[:1] == ["--check"]
    folder = pathlib.Path(arguments[-1])
    different = 0
    for name, text in documents():
        path = folder / name
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} differs from what {sys.argv[0]} makes")
            different += 1
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
