"""The personalisation of a chip, relayed by verifier and terminal (60-provision). Start at [`provision`]."""

import hmac
import secrets

from .chipcrypto import DEK, aes_cbc, chip_key, receipt, token_key
from .issue import state_of
from .issuer import fresh_id
from .refusals import Refusal
from .scp03 import KEY_VERSION, SECURITY_DOMAIN, Channel, ChannelError

_OK = b"\x90\x00"
_SELECT = bytes([0x00, 0xA4, 0x04, 0x00, len(SECURITY_DOMAIN)]) + SECURITY_DOMAIN + b"\x00"
_GET_RECEIPTS = bytes.fromhex("80CADF2100")
_STORE_LAST, _COMMIT = bytes.fromhex("84E29000"), bytes.fromhex("84F0400F")
_STAGED_SLOT = b"\x4f\x00"


class Session:
    """One conversation with the chip. `take` is what reads the answers to what was sent last."""

    def __init__(self):
        self.session_id = fresh_id()
        self.sent = 0
        self.take = None
        self.challenge = None


def provision(issuer, call):
    body = call.body
    token = issuer.store.tokens.get(call.parameters["token_ref"])
    if token is None:
        raise Refusal("unknown-token")
    if token.se_id != body["se_id"]:
        raise Refusal("context-mismatch")
    if body["binding_id"] is None:
        raise Refusal("not-bound")
    _judge_standing(issuer, token)
    token.binding_id = body["binding_id"]
    if token.state == "active":
        return _done()
    if body["session"] is None:
        token.session = Session()
        token.session.challenge = secrets.token_bytes(8)
        initialize = bytes([0x80, 0x50, KEY_VERSION, 0, 8]) + token.session.challenge + b"\x00"
        return _send(token, [_SELECT, _GET_RECEIPTS, initialize], _take_opening)
    return _go_on(issuer, token, body["session"], body["responses"])


def _judge_standing(issuer, token):
    if state_of(issuer, token) not in ("inactive", "active"):
        raise Refusal("token-not-active")


def _go_on(issuer, token, session_id, responses):
    """One round. What does not fit ends the session."""
    session = token.session
    try:
        answers = [bytes.fromhex(response) for response in responses]
        if session is None or session.session_id != session_id:
            raise Refusal("personalisation-failed")
        if len(answers) != session.sent or any(len(answer) < 2 for answer in answers):
            raise Refusal("personalisation-failed")
        return session.take(issuer, token, session, answers)
    except ChannelError:
        token.session = None
        raise Refusal("personalisation-failed") from None
    except Refusal:
        token.session = None
        raise


def _send(token, commands, take):
    session = token.session
    session.sent, session.take = len(commands), take
    return 200, {"session": session.session_id, "commands": [command.hex() for command in commands],
                 "state": "inactive"}


def _done():
    return 200, {"session": None, "commands": [], "state": "active"}


def _take_opening(issuer, token, session, answers):
    """After SELECT, GET DATA and INITIALIZE UPDATE: a receipt for this token ends it here, else the channel is opened and
    everything else follows in one piece, since no command depends on an answer."""
    _expect_ok(answers[0])
    found = _receipts(answers[1]).get(bytes.fromhex(token.token_ref))
    if found is not None and _receipt_holds(issuer, token, found):
        return _activate(token)
    _expect_ok(answers[2])
    se_id = bytes.fromhex(token.se_id)
    channel = Channel.opened(issuer.keys.chip_master, se_id, session.challenge, answers[2][:-2])
    dek = chip_key(issuer.keys.chip_master, DEK, se_id)
    template = _template(token, aes_cbc(dek, bytes(16), _udk(issuer, token)))
    data = b"\xe1" + bytes([len(template)]) + template
    commands = [channel.external_authenticate(), channel.wrap(_STORE_LAST, data), channel.wrap(_COMMIT, _STAGED_SLOT)]
    return _send(token, commands, _take_commit)


def _take_commit(issuer, token, session, answers):
    for answer in answers:
        _expect_ok(answer)
    committed = answers[-1][:-2]
    if committed[:3] != bytes.fromhex("DF2310") or len(committed) != 19:
        raise Refusal("receipt-invalid")
    if not _receipt_holds(issuer, token, committed[3:]):
        raise Refusal("receipt-invalid")
    return _activate(token)


def _activate(token):
    token.state, token.session = "active", None
    return _done()


def _receipt_holds(issuer, token, found):
    """PRO-8: the receipt must be that of this token, chip, request and data."""
    wanted = receipt(issuer.keys.chip_master, bytes.fromhex(token.se_id), bytes.fromhex(token.token_ref),
                     bytes.fromhex(token.request_context), token.version, _template(token, _udk(issuer, token)))
    return hmac.compare_digest(wanted, found)


def _udk(issuer, token):
    return token_key(issuer.keys.token_master, token.number, token.psn)


def _template(token, udk):
    """The value of E1 (85-apdu, Token data), with the token key as given: in the clear or encrypted."""
    parts = (("DF22", token.token_ref), ("5A", token.number), ("5F24", token.expiry), ("5F34", token.psn),
             ("DF31", udk.hex()), ("DF33", "%02x" % token.version), ("DF35", token.request_context))
    return b"".join(bytes.fromhex(tag) + bytes([len(value) // 2]) + bytes.fromhex(value) for tag, value in parts)


def _receipts(answer):
    """`DF21 LL (DF22 10 token_ref, DF23 10 receipt)* 9000`, by token reference. Nobody vouches for this answer: one of any
    other form holds no receipt, and what follows shows whether the chip is well."""
    head = 4 if answer[2:3] == b"\x81" else 3
    entries = answer[head:-2]
    if answer[:2] != b"\xdf\x21" or answer[-2:] != _OK or len(entries) != answer[head - 1]:
        return {}
    found = {}
    for at in range(0, len(entries), 38):
        entry = entries[at:at + 38]
        if entry[:3] == b"\xdf\x22\x10" and entry[19:22] == b"\xdf\x23\x10":
            found[entry[3:19]] = entry[22:]
    return found


def _expect_ok(answer):
    if answer[-2:] != _OK:
        raise Refusal("personalisation-failed")
