"""A payment by python-emv at the first reader, through pcscd: finds the applications, pays with each, prints what came.

    cards.py        one line for each application: its AID, token, counter and request cryptogram
"""

import sys

# python-emv has the name of a file in this folder.
sys.path.pop(0)

import smartcard.System  # noqa: E402
from emv.cap import get_arqc_req  # noqa: E402
from emv.card import Card  # noqa: E402
from emv.protocol.data import Tag  # noqa: E402


def plain(values):
    return bytes(values).hex().upper()


def pay(card, name):
    card.select_application(name)
    options = card.get_processing_options()
    data = card.get_application_data(options["AFL"])
    answer = card.tp.exchange(get_arqc_req(data, value="12.50", challenge="12345678"))
    given = answer.data[Tag.RMTF2]
    counter, cryptogram = given[Tag((0x9F, 0x36))], given[Tag((0x9F, 0x26))]
    kind = given[Tag((0x9F, 0x27))]
    token = plain(data[Tag.PAN])
    print(f"{plain(name)} token {token} counter {plain(counter)} kind {plain(kind)} {plain(cryptogram)}")


def main():
    readers = smartcard.System.readers()
    card = Card(readers[0].createConnection())
    for application in card.list_applications():
        pay(card, application[Tag.ADF_NAME])


main()
