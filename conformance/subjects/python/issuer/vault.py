"""The token vault (40-issue): PANs sealed under keys that change, numbers that are given once, references that name accounts."""

import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .limits import (MINT_DRAWS_MAX, PAN_BIN, PAN_DIGITS, PAR_CONTROLLER, PAR_LENGTH, RANGE_LOAD_MAX, RESEAL_MAX,
                     TOKEN_BIN)
from .refusals import Refusal

_PAR_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_NONCE = 12


def luhn_digit(digits):
    """The check digit that makes `digits` and itself pass the Luhn check."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


@dataclass
class Account:
    """A PAN account: `version` counts its PANs, `key` names the vault key that sealed the present one."""

    sealed: bytes
    version: int
    key: int


class Vault:
    """Holds no PAN in the clear and no key but wrapped; `root` (32 bytes) belongs to the key service and is only borrowed."""

    def __init__(self, root, token_ranges=(TOKEN_BIN,), pan_ranges=(PAN_BIN,)):
        _check_ranges(token_ranges + pan_ranges)
        self._root = AESGCM(root)
        self._token_ranges = token_ranges
        self._pan_ranges = pan_ranges
        self._keys = {}  # number of a vault key -> wrapped
        self._newest = 0
        self._accounts = {}  # PAR -> Account, oldest first
        self._older = {}  # PARs whose PAN is not under the newest key, in order
        self._index = set()  # keyed digests of PANs that were given
        self._tokens = set()  # token numbers that were given
        self._given = {}  # range -> how many
        self._index_key = self._wrap(b"index", secrets.token_bytes(32))
        self._new_key()

    # Numbers

    def draw_tokens(self, count):
        """So many token numbers that were never given. None counts as given before [`Vault.give_token`]."""
        numbers = set()
        while len(numbers) < count:
            numbers.add(self._draw(self._token_ranges))
        return list(numbers)

    def give_token(self, number):
        self._tokens.add(number)
        self._count(number)

    def draw_pan(self):
        """A PAN that was never given, to be handed to one of the two below in the same transaction."""
        return self._draw(self._pan_ranges)

    def open_account(self, pan):
        """Seals the account's first PAN and answers the account's reference."""
        par = PAR_CONTROLLER + "".join(secrets.choice(_PAR_ALPHABET) for _ in range(PAR_LENGTH - len(PAR_CONTROLLER)))
        self._give_pan(par, pan, 1)
        return par

    def replace_pan(self, par, pan):
        self._give_pan(par, pan, self._accounts[par].version + 1)
        self._older.pop(par, None)
        self._drop_unused()

    def pan(self, par):
        """Detokenisation's last step; the caller must not let it out of the issuer."""
        account = self._accounts[par]
        opened = self._open(account.key, account.sealed, _vault_label(par, account.version))
        return opened.decode()

    def _give_pan(self, par, pan, version):
        sealed = self._seal(pan.encode(), par, version)
        self._index.add(self._indexed(pan))
        self._count(pan)
        self._accounts[par] = Account(sealed, version, self._newest)

    def _count(self, number):
        prefix = next(p for p in self._token_ranges + self._pan_ranges if number.startswith(p))
        self._given[prefix] = self._given.get(prefix, 0) + 1

    def _draw(self, ranges):
        """The first range with room serves; draws that meet taken numbers are bounded."""
        for prefix in ranges:
            free = PAN_DIGITS - len(prefix) - 1
            if self._given.get(prefix, 0) * 100 >= RANGE_LOAD_MAX * 10 ** free:
                continue
            for _ in range(MINT_DRAWS_MAX):
                digits = prefix + str(secrets.randbelow(10 ** free)).zfill(free)
                number = digits + luhn_digit(digits)
                if number not in self._tokens and self._indexed(number) not in self._index:
                    return number
            break
        raise Refusal("range-exhausted")

    # Keys

    def rotate(self):
        """Another vault key; every key is wrapped anew. Answers how many PANs are left under older keys."""
        if self._older:
            raise Refusal("wrong-order")
        index_key = self._unwrap(b"index", self._index_key)
        rewrapped = {n: self._wrap(_key_name(n), self._unwrap(_key_name(n), w)) for n, w in self._keys.items()}
        self._index_key = self._wrap(b"index", index_key)
        self._keys = rewrapped
        self._older = dict.fromkeys(self._accounts)
        self._new_key()
        self._drop_unused()
        return len(self._older)

    def reseal(self):
        """Moves some PANs, oldest first, to the newest key; the last one takes its old key with it (ISS-30, ISS-31)."""
        for par in list(self._older)[:RESEAL_MAX]:
            account = self._accounts[par]
            pan = self._open(account.key, account.sealed, _vault_label(par, account.version))
            account.sealed = self._seal(pan, par, account.version)
            account.key = self._newest
            del self._older[par]
        self._drop_unused()
        return len(self._older)

    def _new_key(self):
        self._newest += 1
        self._keys[self._newest] = self._wrap(_key_name(self._newest), secrets.token_bytes(32))

    def _drop_unused(self):
        if not self._older:
            self._keys = {self._newest: self._keys[self._newest]}

    def _seal(self, pan, par, version):
        key = AESGCM(self._unwrap(_key_name(self._newest), self._keys[self._newest]))
        nonce = secrets.token_bytes(_NONCE)
        return nonce + key.encrypt(nonce, pan, _vault_label(par, version))

    def _open(self, number, sealed, label):
        key = AESGCM(self._unwrap(_key_name(number), self._keys[number]))
        try:
            return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], label)
        except InvalidTag:
            raise Refusal("vault-unavailable") from None

    def _wrap(self, name, key):
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._root.encrypt(nonce, key, b"kaika/vault-key/1" + name)

    def _unwrap(self, name, wrapped):
        try:
            return self._root.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], b"kaika/vault-key/1" + name)
        except InvalidTag:
            raise Refusal("vault-unavailable") from None

    def _indexed(self, pan):
        key = self._unwrap(b"index", self._index_key)
        return hmac.digest(key, b"kaika/index/1" + pan.encode(), "sha256")


def _key_name(number):
    return b"pan/%d" % number


def _vault_label(par, version):
    return b"kaika/vault/1" + par.encode() + version.to_bytes(4, "big")


def _check_ranges(ranges):
    """ISS-24: each 6 to 12 digits, none the beginning of another."""
    for place, prefix in enumerate(ranges):
        if not prefix.isdigit() or not 6 <= len(prefix) <= 12:
            raise ValueError(f"range {prefix}: not 6 to 12 digits")
        for other in ranges[place + 1:]:
            if prefix.startswith(other) or other.startswith(prefix):
                raise ValueError(f"ranges {prefix} and {other} have numbers in common")
