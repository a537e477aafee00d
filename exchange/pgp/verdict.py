"""The OpenPGP verdict, read from gpg's own status lines: one flag is never enough.

gpg exits 0 on unsigned messages, writes plaintext for tampered ones, and calls a signature by an expired or revoked key
valid. AVG art. 32 and convenant art. 2.2 a ask that nobody else writes or reads. So all of it is demanded at once;
everything that is not plainly right is a refusal with a retourcode.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from exchange.pgp.listing import Key

#: Each of these exactly once.
ONCE = ("NEWSIG", "GOODSIG", "VALIDSIG", "BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC")
#: None of these. KEYEXPIRED and NO_SECKEY are not here: both also appear on good messages.
NEVER = ("BADSIG", "ERRSIG", "BADMDC", "DECRYPTION_FAILED", "ERROR", "NODATA", "UNEXPECTED", "FAILURE")
#: Where gpg meets a second message, or a second text in one: the first field of an ERROR.
_SECOND_MESSAGE, _SECOND_TEXT = "decryption.early_plaintext", "proc_pkt.plaintext"
#: Reasons in ERRSIG: a hash that gpg refuses (GPG_ERR_DIGEST_ALGO), a signature older than its key
#: (GPG_ERR_TIME_CONFLICT).
_WEAK, _TOO_EARLY = "5", "39"
#: A signature of a later version than 4, which gpg skips: lines of gpg's own, which it does not translate.
_NEWER = re.compile(r"^gpg: (packet\(2\)|onepass_sig) with unknown version \d+$", re.MULTILINE)
#: SHA-256, SHA-384, SHA-512 and SHA-224 by number (RFC 4880, 9.4); SHA-1, MD5 and RIPEMD160 pass gpg by default.
STRONG = {"8", "9", "10"}


class PgpRefusal(Exception):
    """A partner's message that we do not use; `facts` are the slots of the sentence of `code`."""

    def __init__(self, code: str, facts: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts or {}


@dataclass(frozen=True)
class Status:
    """gpg's status lines as (keyword, fields), in their order."""

    lines: tuple[tuple[str, tuple[str, ...]], ...]
    newer: bool = False  # it met a signature of a version that it does not know

    @classmethod
    def parse(cls, stderr: str) -> Status:
        """Take the lines that gpg itself marked; text inside a line (a file name) stays inside it."""
        marked = (line.removeprefix("[GNUPG:] ") for line in stderr.split("\n") if line.startswith("[GNUPG:] "))
        words = (line.split(" ") for line in marked)
        return cls(tuple((word[0], tuple(word[1:])) for word in words), bool(_NEWER.search(stderr)))

    def fields(self, keyword: str) -> tuple[str, ...]:
        """The fields of the first such line, () where there is none."""
        return next((fields for name, fields in self.lines if name == keyword), ())

    @property
    def keywords(self) -> Counter[str]:
        """How often each keyword stands."""
        return Counter(name for name, _ in self.lines)


@dataclass(frozen=True)
class Expected:
    """What we know beside the message: who may have signed, when it was picked up, our own key, and every key of our
    keyring by fingerprint."""

    signers: Collection[str]  # primary fingerprints, 40 hexadecimal digits
    at: datetime
    own_fingerprint: str
    keys: Mapping[str, Key]

    @property
    def own(self) -> dict[str, str]:
        """Our key, for who used another."""
        key = self.keys.get(self.own_fingerprint)
        until = _day(key.expires) if key and key.expires else "nader bericht"
        return {"vingerafdruk": self.own_fingerprint, "datum": until}

    def of_a_signer(self, fingerprint: str) -> Key | None:
        """The key or subkey with this fingerprint, if it is one that may sign."""
        key = self.keys.get(fingerprint)
        return key if key and key.primary in self.signers else None

    def parts(self, fingerprint: str) -> list[Key]:
        """The key that signed and its primary: what either of them suffers, its signatures suffer; an old subkey that
        did not sign says nothing."""
        key = self.of_a_signer(fingerprint)
        return [key, self.keys[key.primary]] if key and key.primary in self.keys else []


def judge(status: Status, exit_code: int, expected: Expected) -> str:
    """The primary fingerprint of the signer; raises PgpRefusal with the one code that helps the partner most."""
    seen = status.keywords
    if not seen["DECRYPTION_INFO"]:
        raise PgpRefusal("E-PGP-02", expected.own) if seen["NO_SECKEY"] else PgpRefusal("E-PGP-05")
    if status.newer:
        raise PgpRefusal("E-PGP-06")
    altered = seen["BADMDC"] or seen["DECRYPTION_FAILED"]
    errors = {fields[0] for name, fields in status.lines if name == "ERROR" and fields}
    if _SECOND_MESSAGE in errors or (_SECOND_TEXT in errors and not altered):
        raise PgpRefusal("E-PGP-13")
    if not altered and seen["EXPSIG"]:
        raise _expired_signature(status, expected)
    _integrity(status, seen)
    return _signature(status, seen, exit_code, expected)


def _integrity(status: Status, seen: Counter[str]) -> None:
    """Whole, once, with MDC, and nothing around it."""
    damaged = seen["BADMDC"] or seen["DECRYPTION_FAILED"] or seen["NODATA"] or seen["UNEXPECTED"]
    if damaged or not seen["DECRYPTION_OKAY"] or not seen["GOODMDC"] or status.fields("DECRYPTION_INFO")[0] == "0":
        raise PgpRefusal("E-PGP-05")
    if any(seen[word] > 1 for word in ("BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC")):
        raise PgpRefusal("E-PGP-05")


def _signature(status: Status, seen: Counter[str], exit_code: int, expected: Expected) -> str:
    """Exactly one good signature, by a registered key that was in force when the file was picked up."""
    valid = status.fields("VALIDSIG")
    if seen["VALIDSIG"] > 1 or seen["NEWSIG"] > 1:
        raise PgpRefusal("E-PGP-03")
    if seen["ERRSIG"]:
        raise _unverified(status.fields("ERRSIG"), expected)
    if not valid or valid[-1] not in expected.signers:
        raise PgpRefusal("E-PGP-03")
    if valid[7] not in STRONG:
        raise PgpRefusal("E-PGP-07")
    if seen["REVKEYSIG"]:
        raise PgpRefusal("E-PGP-04", {"datum": _since([key.revoked for key in expected.parts(valid[0])], expected.at)})
    if seen["EXPKEYSIG"]:
        ends = [key.expires for key in expected.parts(valid[0])]
        if not any(ends) or any(end and end <= expected.at for end in ends):
            raise PgpRefusal("E-PGP-04", {"datum": _since(ends, expected.at)})
    elif not seen["GOODSIG"]:
        raise PgpRefusal("E-PGP-03")
    if any(seen[word] for word in NEVER):
        raise PgpRefusal("E-PGP-03")
    if exit_code != 0 or any(seen[word] != 1 for word in ONCE if word != "GOODSIG"):
        raise PgpRefusal("E-PGP-05")
    return valid[-1]


def _unverified(fields: tuple[str, ...], expected: Expected) -> PgpRefusal:
    """Why gpg could not look at a signature: ERRSIG's key id, algorithms, class, time, reason and fingerprint."""
    *_, hashed, _, _, why, fingerprint = ("",) * 7 + fields
    if why == _WEAK and hashed not in STRONG:
        return PgpRefusal("E-PGP-07")
    key = expected.of_a_signer(fingerprint)
    if key and key.created and (why == _TOO_EARLY or key.created > expected.at):
        return PgpRefusal("E-PGP-14", {"datum": _day(key.created)})
    return PgpRefusal("E-PGP-03")


def _expired_signature(status: Status, expected: Expected) -> PgpRefusal:
    """gpg stops there: whose signature it was, is all that it said before."""
    valid = status.fields("VALIDSIG")
    if not valid or valid[-1] not in expected.signers or not valid[3].isdigit():
        return PgpRefusal("E-PGP-03")
    return PgpRefusal("E-PGP-12", {"datum": _day(datetime.fromtimestamp(int(valid[3]), UTC))})


def _since(moments: Sequence[datetime | None], at: datetime) -> str:
    """The first day of these; never one after the moment of pickup."""
    return _day(min([*filter(None, moments), at]))


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
