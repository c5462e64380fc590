"""The issuer's parts in one place: store, vault, clock, keys, and the identity system's address."""

import base64
import secrets
from dataclasses import dataclass

from .store import Clock, Store
from .vault import Vault


@dataclass
class Keys:
    """`chip_master` is KMC, `token_master` IMK (both 16 bytes), `vault_root` wraps the vault's keys (32 bytes)."""

    chip_master: bytes
    token_master: bytes
    vault_root: bytes


class Issuer:
    def __init__(self, keys):
        self.keys = keys
        self.clock = Clock()
        self.store = Store()
        self.vault = Vault(keys.vault_root)
        self.identity = None  # set once the clock is there


def fresh_id():
    return secrets.token_hex(16)


def fresh_code(letter, taken):
    """A card code, agreement or customer id: a letter and 20 base-32 characters, never one of `taken`."""
    while True:
        code = letter + base64.b32encode(secrets.token_bytes(13)).decode()[:20]
        if code not in taken:
            return code


def person_of(applicant):
    """Who a person is to the issuer."""
    return applicant["id_type"], applicant["id_no"]
