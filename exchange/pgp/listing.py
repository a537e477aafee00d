"""Keys as gpg lists them with colons (its doc/DETAILS). Read as bytes: a user ID holds whatever its owner put there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

#: Validities with which gpg does not use a key: invalid, revoked, expired, disabled.
USELESS = ("i", "r", "e", "d")
REVOKED = "r"
#: Signatures that revoke: a key, a subkey.
_REVOKES = (b"20", b"28")


@dataclass(frozen=True)
class Key:
    """A key or subkey. `primary` is the fingerprint of the key that it is part of: its own, where it is one itself."""

    fingerprint: str
    primary: str
    validity: str
    capabilities: str
    created: datetime | None
    expires: datetime | None
    revoked: datetime | None = None  # only where signatures were listed too
    secret: bool = False

    @property
    def key_id(self) -> str:
        """How a message names it."""
        return self.fingerprint[-16:]


def keys(listing: bytes) -> dict[str, Key]:
    """Every key and subkey, by fingerprint."""
    found: dict[str, Key] = {}
    primary = at = ""
    pending: list[bytes] = []
    for fields in (line.split(b":") for line in listing.split(b"\n")):
        if fields[0] in (b"pub", b"sub"):
            pending, at = fields, ""
        elif fields[0] == b"fpr" and pending:
            at = fields[9].decode("ascii")
            primary = at if pending[0] == b"pub" else primary
            found[at] = _key(at, primary, pending)
            pending = []
        elif fields[0] == b"rev" and at and _own(fields, primary):
            found[at] = replace(found[at], revoked=_moment(fields[5]))
    return found


def _key(fingerprint: str, primary: str, fields: list[bytes]) -> Key:
    secret = len(fields) > 14 and fields[14] == b"+"
    validity, capabilities = (fields[at].decode("latin-1") for at in (1, 11))
    dates = _moment(fields[5]), _moment(fields[6])
    return Key(fingerprint, primary, validity, capabilities, *dates, secret=secret)


def _own(fields: list[bytes], primary: str) -> bool:
    """Whether this revokes the key itself, and was made by its owner; others may sign what they like."""
    return fields[10][:2] in _REVOKES and fields[4].decode("latin-1") == primary[-16:]


def _moment(seconds: bytes) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() and int(seconds) else None
