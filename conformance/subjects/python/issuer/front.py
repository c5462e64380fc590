"""From a request to its answer: the order of checks of 90-wire, who may call what, and stored answers. Start at [`Front.answer`]."""

import asyncio
import hmac
import json
import re

from . import digests, shapes
from .limits import TIME_WINDOW_MS
from .refusals import Refusal

VERIFIER, OPERATOR = "verifier", "operator"


class Route:
    """One resource and method. `run(issuer, call)` answers `(status, document)` or a coroutine of it."""

    def __init__(self, method, path, callers, form, run):
        self.method = method
        self.callers = callers
        self.form = form
        self.run = run
        self.parameters = re.findall(r"\{(\w+)\}", path)
        self.segments = path.split("/")[1:]


class Call:
    """An authentic message that has its form."""

    __slots__ = ("caller", "path", "key", "parameters", "body")

    def __init__(self, caller, path, key, parameters, body):
        self.caller = caller
        self.path = path
        self.key = key
        self.parameters = parameters
        self.body = body


# Requests and debits may be named before they are known, so their names must have their form; any other name that has not
# its form is simply not found.
_PARAMETERS = {"request_id": "unknown-request", "debit_id": "unknown-debit"}


# The headers that say who calls may be absent, which is a bad signature, but must not be anything else.
_HEADER_FORMS = {"kaika-caller": re.compile("terminal|chip|verifier|issuer|identity|pos|sms|operator"), "kaika-mac": re.compile("[0-9a-f]{64}")}


class Front:
    """The issuer's HTTP face. `keys` are bytes by caller; answers are kept by (caller, method, path, key)."""

    def __init__(self, issuer, routes, keys):
        self._issuer = issuer
        self._keys = keys
        self._answers = {}
        self._working = {}
        self._routes = {}
        for route in routes:
            self._routes.setdefault(len(route.segments), []).append(route)

    def answer(self, request):
        """The status and body for one request, or a coroutine of them."""
        try:
            route, parameters = self._find(request)
            caller, key = self._authenticate(route, request)
            call = self._read(route, request, caller, key, parameters)
            if route.method == "GET":
                return self._run(route, call)
            return self._once(route, call, request.body)
        except Refusal as refusal:
            return refusal.problem()

    def _find(self, request):
        segments = request.target.split("/")[1:]
        here = [route for route in self._routes.get(len(segments), ()) if _fits(route.segments, segments)]
        if not here or "?" in request.target:
            raise Refusal("unknown-route")
        for route in here:
            if route.method == request.method:
                values = [got for part, got in zip(route.segments, segments) if part.startswith("{")]
                return route, dict(zip(route.parameters, values))
        raise Refusal("method-not-allowed")

    def _authenticate(self, route, request):
        """Who sent this, and under which key. In the order: media type, headers' form, key, time, MAC."""
        headers = request.headers
        posts = route.method == "POST"
        if posts and headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refusal("unsupported-media-type")
        time = headers.get("kaika-time", "")
        if not re.fullmatch("0|[1-9][0-9]{0,14}", time):
            raise Refusal("malformed", "Kaika-Time")
        for name, form in _HEADER_FORMS.items():
            if name in headers and not form.fullmatch(headers[name]):
                raise Refusal("malformed", name)
        key = headers.get("idempotency-key", "") if posts else ""
        if posts and not re.fullmatch("[0-9a-f]{32}", key):
            raise Refusal("idempotency-key-missing")
        if abs(int(time) - self._issuer.clock.now()) > TIME_WINDOW_MS:
            raise Refusal("stale-time")
        return self._caller(route, request, time, key), key

    def _caller(self, route, request, time, key):
        caller = request.headers.get("kaika-caller", "")
        shared = self._keys.get(caller)
        if shared is None:
            raise Refusal("bad-signature")
        wanted = digests.message_mac(shared, caller, request.method, request.target, time, key, request.body)
        given = request.headers.get("kaika-mac", "").encode("latin-1")
        if not hmac.compare_digest(wanted.encode(), given) or caller not in route.callers:
            raise Refusal("bad-signature")
        return caller

    def _read(self, route, request, caller, key, parameters):
        body = shapes.read_body(request.body, route.form) if route.form else None
        return Call(caller, request.target, key, parameters, body)

    def _once(self, route, call, body):
        """The stored answer of a repeated message, or what comes of a new one."""
        scope = (call.caller, route.method, call.path, call.key)
        if scope in self._answers:
            known, answer = self._answers[scope]
            if known != body:
                raise Refusal("idempotency-conflict")
            return answer
        if scope in self._working:
            raise Refusal("in-progress" if self._working[scope] == body else "idempotency-conflict")
        answer = self._run(route, call, lambda done: self._answers.__setitem__(scope, (body, done)))
        if asyncio.iscoroutine(answer):
            self._working[scope] = body
            return self._until_done(scope, answer)
        return answer

    async def _until_done(self, scope, answer):
        try:
            return await answer
        finally:
            del self._working[scope]

    def _run(self, route, call, keep=lambda answer: None):
        try:
            _judge_names(call.parameters)
            outcome = route.run(self._issuer, call)
        except Refusal as refusal:
            return _refused(refusal, keep)
        if asyncio.iscoroutine(outcome):
            return self._finish(outcome, keep)
        return _accepted(outcome, keep)

    async def _finish(self, outcome, keep):
        try:
            return _accepted(await outcome, keep)
        except Refusal as refusal:
            return _refused(refusal, keep)


def _accepted(outcome, keep):
    status, document = outcome
    answer = status, json.dumps(document, ensure_ascii=False).encode()
    keep(answer)
    return answer


def _refused(refusal, keep):
    answer = refusal.problem()
    if refusal.is_stored:
        keep(answer)
    return answer


def _judge_names(parameters):
    for name, unknown in _PARAMETERS.items():
        if not re.fullmatch("[0-9a-f]{32}", parameters.get(name, "0" * 32)):
            raise Refusal(unknown)


def _fits(pattern, segments):
    return all(got and (part == got or part.startswith("{")) for part, got in zip(pattern, segments))
