"""The issuer as a client of the identity system: one look-up of a score (PRV-17)."""

import asyncio
import hashlib
import json

from . import digests, shapes
from .refusals import Refusal

_TIMEOUT_S = 10
_PATH = "/v1/scores"
_ANSWER_MAX = 65_536


class Identity:
    """`host` and `port` of the identity system, and the key that it shares with this issuer."""

    def __init__(self, host, port, key, clock):
        self._host = host
        self._port = port
        self._key = key
        self._clock = clock

    async def score(self, request_id, reference, request_context, applicant_digest):
        """The identity system's own answer. The same look-up always goes under the same key, so it may be repeated."""
        ask = {"reference": reference, "request_context": request_context, "applicant_digest": applicant_digest}
        body = json.dumps(ask).encode()
        key = hashlib.sha256(b"look-up" + request_id.encode() + body).hexdigest()[:32]
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                status, answer = await self._exchange(self._message(key, body))
        except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, TimeoutError):
            raise Refusal("in-progress") from None
        return _judge(status, answer)

    def _message(self, key, body):
        time = str(self._clock.now())
        mac = digests.message_mac(self._key, "issuer", "POST", _PATH, time, key, body)
        head = (f"POST {_PATH} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nKaika-Time: {time}\r\n"
                f"Idempotency-Key: {key}\r\nKaika-Caller: issuer\r\nKaika-Mac: {mac}\r\n\r\n")
        return head.encode() + body

    async def _exchange(self, message):
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(message)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
            lengths = [int(line.split(":")[1]) for line in head[1:] if line.lower().startswith("content-length:")]
            if not lengths or lengths[0] > _ANSWER_MAX:
                raise ValueError("length")
            return status, await reader.readexactly(lengths[0])
        finally:
            writer.close()


def _judge(status, answer):
    """The score, or what the identity system's refusal is at the issuer."""
    if status == 200:
        try:
            return shapes.read_body(answer, shapes.scored)
        except Refusal:
            raise Refusal("reference-unknown") from None
    raise Refusal("in-progress" if status >= 500 or _may_come_again(answer) else "reference-unknown")


def _may_come_again(problem):
    """Whether the class of this problem document is `retry`: the same again, later, under the same key."""
    try:
        document = json.loads(problem)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("class") == "retry"
