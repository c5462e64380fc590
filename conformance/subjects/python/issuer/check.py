"""Holds this issuer's bytes against vectors that neither it nor the specification's own code has made.

`python3 -m issuer.check VECTORS [HOST:PORT]`: VECTORS is `conformance/vectors/hand`; with an address, the ISO 8583 part is
played over a socket too. Exit 1 when anything differs.
"""

import json
import pathlib
import socket
import sys

from . import chipcrypto, iso8583, scp03

_WAIT_S = 5
_REQUESTS = ("0100", "0200", "0400", "0401", "0800")


def main():
    vectors = pathlib.Path(sys.argv[1])
    failures, asked = [], 0
    checks = [("iso8583.json", check_message), ("bytes/emv.json", check_cryptogram), ("bytes/scp03.json", check_channel)]
    if len(sys.argv) > 2:
        host, _, port = sys.argv[2].rpartition(":")
        checks += [("iso8583.json", lambda test: play_message((host, int(port)), test)),
                   ("iso8583.json#frames", lambda test: play_frames((host, int(port)), test))]
    for name, check in checks:
        file, _, part = name.partition("#")
        for test in json.loads((vectors / file).read_text())[part or "tests"]:
            asked += 1
            if not check(test):
                failures.append(f"{name}: {test.get('id') or test.get('name')}")
    print(*(f"FAIL {failure}" for failure in failures), f"{asked - len(failures)} passed, {len(failures)} failed", sep="\n")
    sys.exit(bool(failures))


def check_message(test):
    """Reading gives the fields, writing them gives the bytes; what is none is refused."""
    data = bytes.fromhex(test["bytes"])
    try:
        message = iso8583.read(data)
    except iso8583.Unreadable:
        return not test["valid"]
    shown = {str(number): value.hex().upper() if isinstance(value, bytes) else value for number, value in message.items()}
    # A message longer than a frame may be is refused by its length, before it is read.
    return test["valid"] and shown == test["fields"] and iso8583.write(message) == data or len(data) > 2048


def check_cryptogram(test):
    """Card key, session key, cryptogram of version 18 and its response, as pyemv computes them."""
    key = chipcrypto.token_key(bytes.fromhex(test["imk"]), test["token"], test["psn"])
    counter = bytes.fromhex(test["objects"]["9f36"])
    session = chipcrypto.session_key(key, counter)
    order = ("9f02", "9f03", "9f1a", "95", "5f2a", "9a", "9c", "9f37", "82", "9f36")
    issuer_data = bytes.fromhex("060112" + test["cvr"])
    covered = b"".join(bytes.fromhex(test["objects"][tag]) for tag in order) + issuer_data
    cryptogram = chipcrypto.retail_mac(session, covered)
    update = bytes.fromhex(test["cardStatusUpdate"])
    response = chipcrypto.response_cryptogram(session, cryptogram, update)
    return (key.hex(), chipcrypto.odd_parity(session).hex(), cryptogram.hex(), response.hex()) == (
        test["cardKey"], test["sessionKey"], test["cryptogram18"], test["response"])


def check_channel(test):
    """What the host of an AES-128 session at level 03 sends; the other levels are not this issuer's."""
    if test["level"] != "03" or len(test["enc"]) != 32:
        return True
    parts = ("enc", "mac", "hostChallenge", "cardChallenge", "cardCryptogram", "sequence")
    channel = scp03.Channel(*(bytes.fromhex(test[part]) for part in parts))
    sent = [channel.external_authenticate()[5:]]
    wanted = [test["externalAuthenticate"]]
    for exchange in test["exchanges"]:
        command = channel.wrap(bytes.fromhex(exchange["header"]), bytes.fromhex(exchange["data"]))
        sent.append(command[5:-1])
        wanted.append(exchange["field"])
    return [field.hex() for field in sent] == wanted


def play_message(address, test):
    """What cannot be read is not answered and ends the connection; a request is answered in its class."""
    data = bytes.fromhex(test["bytes"])
    answered = exchange(address, len(data).to_bytes(2, "big") + data)
    if not test["valid"]:
        return answered == []
    if test["fields"]["t"] not in _REQUESTS:
        return True
    return len(answered) == 1 and iso8583.read(answered[0])["t"] == test["fields"]["t"][:2] + "10"


def play_frames(address, test):
    """Each readable request of a connection is answered, whatever comes after it."""
    readable = 0
    for message in test["messages"]:
        try:
            if iso8583.read(bytes.fromhex(message))["t"] not in _REQUESTS:
                break
        except iso8583.Unreadable:
            break
        readable += 1
    return len(exchange(address, bytes.fromhex(test["bytes"]))) == readable


def exchange(address, data):
    """Sends, says that nothing more comes, and takes the frames of the answer up to the end."""
    received = b""
    with socket.create_connection(address, _WAIT_S) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
    frames = []
    while received:
        length = int.from_bytes(received[:2], "big")
        frames.append(received[2:length + 2])
        received = received[length + 2:]
    return frames


if __name__ == "__main__":
    main()
