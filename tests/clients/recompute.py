"""Recomputes every application cryptogram in a log of `kaika se --log` with pyemv.

    recompute.py LOG KEYS

LOG: one JSON document a line, {"command", "answer"} in hexadecimal. KEYS: the deployment's key file; the token key is derived
here from its `token_master` as spec/85-apdu.md says. Everything else comes from the log: the token (5A, 5F34), the lists
(8C, 8D), the counter, what the terminal sent. Prints a line for each cryptogram; exit 1 when one differs, or there is none.
"""

import hmac
import json
import sys
import warnings

warnings.simplefilter("ignore")  # Two-key Triple DES is old, and what EMV has.

from pyemv import ac, kd  # noqa: E402

# What the cryptogram covers of the terminal's data, in order (spec/85-apdu.md, Payment data).
COVERED = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37")
CVN_18, CVN_10 = 0x12, 0x0A


def head(data, at):
    """The tag at a place, and the place behind it."""
    end = at + 1
    if data[at] & 0x1F == 0x1F:
        while data[end] & 0x80:
            end += 1
        end += 1
    return data[at:end].hex().upper(), end


def objects(data):
    """Every data object in data, those inside others too, by tag; the last of a tag counts."""
    found, at = {}, 0
    while at < len(data):
        constructed = data[at] & 0x20
        tag, at = head(data, at)
        length, at = data[at], at + 1
        if length > 0x80:
            size = length - 0x80
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        value, at = data[at : at + length], at + length
        found[tag] = value
        if constructed:
            found.update(objects(value))
    return found


def values(dol, data):
    """What the terminal gave for each entry of a list."""
    given, at, place = {}, 0, 0
    while at < len(dol):
        tag, at = head(dol, at)
        length, at = dol[at], at + 1
        given[tag], place = data[place : place + length], place + length
    if place != len(data):
        raise ValueError(f"the list asks for {place} bytes, the terminal gave {len(data)}")
    return given


def token_key(master, token, psn):
    """EMV option A."""
    return kd.derive_icc_mk_a(master, token.hex().upper().rstrip("F"), psn.hex())


def cryptogram(key, aip, given, answer):
    counter, issuer_data = answer["9F36"], answer["9F10"]
    covered = b"".join(given[tag] for tag in COVERED) + aip + counter
    version = issuer_data[2]
    if version == CVN_18:
        session = kd.derive_common_sk(key, counter + bytes(6))
        return version, ac.generate_ac(session, covered + issuer_data, ac.PaddingType.EMV)
    if version == CVN_10:
        return version, ac.generate_ac(key, covered + issuer_data[3:7], ac.PaddingType.VISA)
    raise ValueError(f"cryptogram version {version:02X} is not known")


def exchanges(path):
    with open(path, encoding="ascii") as log:
        for line in log:
            said = json.loads(line)
            if "command" in said:
                yield bytes.fromhex(said["command"]), bytes.fromhex(said["answer"])
            else:
                yield None, None


def main(log, keys):
    with open(keys, encoding="ascii") as file:
        master = bytes.fromhex(json.load(file)["token_master"])
    card, rest, pending, right, wrong = {}, b"", None, 0, 0
    for command, answer in exchanges(log):
        if command is None or command[:2] == b"\x00\xa4":
            card = {}
        if command is None or len(command) < 5:
            continue
        data, word = answer[:-2], answer[-2:]
        if command[:2] == b"\x00\xc0":
            command, data = pending, rest + data
        if word[:1] == b"\x61":
            pending, rest = command, data
            continue
        rest = b""
        if word != b"\x90\x00" or command is None:
            continue
        if command[:2] in (b"\x00\xb2", b"\x80\xa8"):
            card.update(objects(data))
        elif command[:2] == b"\x80\xae":
            second = pending_second(card, command)
            given = values(card["8D" if second else "8C"], command[5 : 5 + command[4]])
            found = objects(data)
            version, expected = cryptogram(
                token_key(master, card["5A"], card["5F34"]), card["82"], given, found
            )
            good = hmac.compare_digest(expected, found["9F26"])
            right, wrong = right + good, wrong + (not good)
            token, counter = card["5A"].hex()[-4:], int.from_bytes(found["9F36"], "big")
            verdict = "right" if good else f"WRONG, pyemv has {expected.hex()}"
            print(
                f"token …{token} counter {counter} kind {found['9F27'].hex()} CVN {version:02X}"
                f" cryptogram {found['9F26'].hex()}: {verdict}"
            )
    print(f"{right} right, {wrong} wrong")
    return 0 if right and not wrong else 1


def pending_second(card, command):
    """Whether this is the second cryptogram of its counter: the one whose list is the longer one."""
    length = sum(entry for entry in lengths(card["8C"]))
    return command[4] != length


def lengths(dol):
    at = 0
    while at < len(dol):
        _, at = head(dol, at)
        yield dol[at]
        at += 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
