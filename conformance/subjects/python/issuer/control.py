"""The control channel of `conformance/subjects/README.md`: moves the clock. Only there when the program is told so."""

from . import shapes
from .refusals import Refusal

_FORM = shapes.fields(advance_ms=shapes.integer(0, shapes.SAFE_INTEGER_MAX))


def handler(issuer):
    def answer(request):
        try:
            if request.target != "/ctl/v1/clock":
                raise Refusal("unknown-route")
            if request.method != "POST":
                raise Refusal("method-not-allowed")
            issuer.clock.ahead_ms += shapes.read_body(request.body, _FORM)["advance_ms"]
            return 200, b'{"ok": true}'
        except Refusal as refusal:
            return refusal.problem()
    return answer
