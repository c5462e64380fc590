"""HTTP/1.1 on a socket: reads requests, bounds them, writes answers. What they mean is the handler's business."""

import asyncio
import re

from .limits import BODY_MAX
from .refusals import Refusal

_HEAD_MAX = 16_384
_LINGER_S = 2
_LENGTH, _CHUNK = re.compile("[0-9]+"), re.compile(rb"([0-9A-Fa-f]{1,8})(?:;|$)")
_REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            405: "Method Not Allowed", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
            415: "Unsupported Media Type", 422: "Unprocessable Content", 503: "Service Unavailable"}


class Request:
    """One request: `headers` by lower-case name; `body` is bytes."""

    __slots__ = ("method", "target", "headers", "body", "closes")

    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.headers = headers
        self.closes = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
        self.body = b""


class Server(asyncio.Protocol):
    """One connection. `handler(request)` answers `(status, body)` or a coroutine of it."""

    def __init__(self, handler):
        self._handler = handler
        self._transport = None
        self._buffer = bytearray()
        self._request = None
        self._wanted = 0
        self._chunked = False
        self._busy = False
        self._only_head = False
        self._is_over = False
        self._leaves_after = False

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        if not self._is_over:
            self._buffer += data
            self._go_on()

    def eof_received(self):
        """The peer has said all; an answer that is being made still goes out."""
        if not self._busy:
            return False
        self._leaves_after = True
        return True

    def _go_on(self):
        """Serves whatever is complete, one request after the other."""
        try:
            while not self._busy and not self._is_over and not self._transport.is_closing():
                if self._request is None and not self._read_head():
                    return
                if not self._read_body():
                    return
                self._serve()
        except Refusal as refusal:
            self._write(*refusal.problem(), close=True)

    def _read_head(self):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_MAX:
                raise Refusal("too-large", "head")
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[:end + 4]
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise Refusal("malformed", "request line")
        self._request = Request(*words, _headers(lines[1:]))
        self._measure()
        return True

    def _measure(self):
        headers = self._request.headers
        coding, length = headers.get("transfer-encoding"), headers.get("content-length", "0")
        self._chunked = coding is not None
        if self._chunked and (coding.lower() != "chunked" or "content-length" in headers):
            raise Refusal("malformed", "Transfer-Encoding")
        if not _LENGTH.fullmatch(length):
            raise Refusal("malformed", "Content-Length")
        self._wanted = int(length[-20:])
        if len(length) > 20 or self._wanted > BODY_MAX:
            raise Refusal("too-large")
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self):
        if self._chunked:
            return self._read_chunks()
        if len(self._buffer) < self._wanted:
            return False
        self._request.body = bytes(self._buffer[:self._wanted])
        del self._buffer[:self._wanted]
        return True

    def _read_chunks(self):
        """Takes whole chunks off the buffer; the empty one ends the body. Trailers are not taken."""
        while (end := self._buffer.find(b"\r\n")) >= 0:
            line = _CHUNK.match(self._buffer[:end])
            if line is None:
                raise Refusal("malformed", "chunk")
            size = int(line[1], 16)
            if len(self._request.body) + size > BODY_MAX:
                raise Refusal("too-large")
            if len(self._buffer) < end + 2 + size + 2:
                return False
            self._request.body += bytes(self._buffer[end + 2:end + 2 + size])
            del self._buffer[:end + 2 + size + 2]
            if size == 0:
                return True
        if len(self._buffer) > _HEAD_MAX:
            raise Refusal("malformed", "chunk")
        return False

    def _serve(self):
        request, self._request = self._request, None
        self._only_head = request.method == "HEAD"
        close = request.closes
        answer = self._handler(request)
        if asyncio.iscoroutine(answer):
            self._busy = True
            task = asyncio.get_running_loop().create_task(answer)
            task.add_done_callback(lambda done: self._answered(done, close))
            self._transport.pause_reading()
        else:
            self._write(*answer, close=close)

    def _answered(self, task, close):
        self._busy = False
        if self._transport.is_closing():
            return
        if task.exception() is not None:
            self._transport.close()
            raise task.exception()
        self._transport.resume_reading()
        self._write(*task.result(), close=close or self._leaves_after)
        self._go_on()

    def _write(self, status, body, close):
        kind = "application/problem+json" if status >= 400 else "application/json"
        head = (f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\n{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n")
        self._transport.write(head.encode() + (b"" if self._only_head else body))
        if close:
            self._leave()

    def _leave(self):
        """Says that this was the last answer, and lets the peer read it before the connection goes: what still comes is
        thrown away, for a while."""
        self._is_over = True
        self._buffer.clear()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)


def _headers(lines):
    """By lower-case name. A name that stands twice is joined by commas, so that nothing takes it for one value."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise Refusal("malformed", "header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
