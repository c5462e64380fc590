"""EMV keys and cryptograms as pyemv computes them. Answers questions, one JSON object a line, everything in hexadecimal:

{"imk", "number", "psn", "atc", "data", "update"}: the card key by option A, the cryptogram over data under the session key of the
counter, and the response cryptogram of method 2 over it and the card status update.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")  # Two-key Triple DES is old, and what EMV has.

from pyemv import ac, kd  # noqa: E402


def answered(question):
    master, data, update = (bytes.fromhex(question[name]) for name in ("imk", "data", "update"))
    card = kd.derive_icc_mk_a(master, question["number"], question["psn"])
    counter = bytes.fromhex(question["atc"])
    session = kd.derive_common_sk(card, counter + bytes(6))
    request = ac.generate_ac(session, data, ac.PaddingType.EMV)
    response = ac.generate_arpc_2(session, request, update)
    return {"key": card.hex(), "cryptogram": request.hex(), "response": response.hex()}


for line in sys.stdin:
    print(json.dumps(answered(json.loads(line))), flush=True)
