"""What gpg lists of key files, in its colon form (its doc/DETAILS), without a keyring."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

from exchange.faults import PgpFault

#: Into how many parts files are divided when one of them is not as expected.
PARTS = 8
#: Seconds for one call of gpg.
PATIENCE = 120.0
_ACTION = "het lezen van sleutels"
#: Of a signature by the owner: about a user ID or the key, about a subkey, and revocations of either.
_SELF, _BINDING, _REVOKING = ("10", "11", "12", "13", "1F"), ("18",), ("20", "28")


@dataclass
class Part:
    """A primary key or subkey. `trust` is gpg's letter (r revoked, e expired, i not usable); times in seconds since
    1970; `digest` numbers the hash algorithm of the last signature with which its owner made it his (RFC 4880, 9.4)."""

    trust: str
    algorithm: int
    bits: int
    begins: int
    expires: int | None
    caps: str
    revoked: int | None = None
    digest: int = 0
    _signed: int = 0

    def sign(self, moment: int, digest: int) -> None:
        """Take note of a signature of the owner; the last one counts."""
        if moment >= self._signed:
            self._signed, self.digest = moment, digest


@dataclass
class Key:
    """A key as it stands in a file; `parts` are the primary key and its subkeys, in that order."""

    secret: bool
    fingerprint: str = ""
    parts: list[Part] = field(default_factory=list)

    @property
    def primary(self) -> Part:
        return self.parts[0]

    @property
    def encrypts(self) -> bool:
        """Whether it is made for that, valid or not."""
        return any("e" in part.caps for part in self.parts)


def keys_in(files: Sequence[Path], expected: Sequence[set[str]]) -> list[list[Key]]:
    """The keys in each of `files`, none where gpg finds none.

    One call for all files (640 take a second; a call for each takes five), and where that does not give the `expected`
    fingerprints, one for each part of them: gpg does not say which file a key came from, and may stop at one.
    """
    with tempfile.TemporaryDirectory(prefix="np-") as home:
        return _keys_in(home, files, expected) if files else []


def _keys_in(home: str, files: Sequence[Path], expected: Sequence[set[str]]) -> list[list[Key]]:
    keys, well = _show(home, files)
    starts = list(accumulate((len(one) for one in expected), initial=0))
    listed = [keys[start:end] for start, end in pairwise(starts)]
    if well and len(keys) == starts[-1] and [{key.fingerprint for key in one} for one in listed] == list(expected):
        return listed
    if len(files) == 1:
        return [keys]
    size = -(-len(files) // PARTS)
    parts = (slice(at, at + size) for at in range(0, len(files), size))
    return [keys for part in parts for keys in _keys_in(home, files[part], expected[part])]


def _show(home: str, files: Sequence[Path]) -> tuple[list[Key], bool]:
    """The keys in `files`, and whether gpg found nothing wrong with any file.

    Never with `--trust-model always`: at an expired or revoked key gpg would then look for a trustdb that is not there,
    and end. What begins later is listed as well: its dates are judged by whoever asks.
    """
    command = ["gpg", "--homedir", home, "--no-options", "--batch", "--quiet", "--ignore-time-conflict"]
    command += ["--with-colons", "--with-sig-list", "--show-keys", "--", *(str(file.resolve()) for file in files)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
    except FileNotFoundError as error:
        raise PgpFault(_ACTION, "gpg is niet geïnstalleerd") from error
    except subprocess.TimeoutExpired:
        raise PgpFault(_ACTION, "gpg geeft geen antwoord") from None
    return list(_read(done.stdout)), done.returncode == 0


def _read(listing: bytes) -> Iterator[Key]:
    """Lines end at a newline and nowhere else: a user ID may hold any other character that ends one."""
    key = Key(False)
    for fields in (line.decode("latin-1").split(":") for line in listing.split(b"\n")):
        kind = fields[0]
        if kind in ("pub", "sec"):
            if key.parts:
                yield key
            key = Key(kind == "sec")
        if kind in ("pub", "sec", "sub", "ssb"):
            key.parts.append(_part(fields))
        elif kind == "fpr" and not key.fingerprint:
            key.fingerprint = fields[9]
        elif kind in ("sig", "rev") and fields[4] and key.fingerprint.endswith(fields[4]):
            _signature(key, fields)
    if key.parts:
        yield key


def _part(fields: list[str]) -> Part:
    expires = int(fields[6]) if fields[6] else None
    return Part(fields[1], int(fields[3]), int(fields[2]), int(fields[5]), expires, fields[11])


def _signature(key: Key, fields: list[str]) -> None:
    """One that the owner made: of the primary key about a user ID or itself, of the last subkey, or a revocation."""
    kind, moment, digest = fields[10][:2].upper(), int(fields[5]), int(fields[15] or 0)
    if kind in _SELF:
        key.primary.sign(moment, digest)
    elif kind in _BINDING:
        key.parts[-1].sign(moment, digest)
    elif kind in _REVOKING:
        key.parts[-1 if kind == "28" else 0].revoked = moment
