"""The OpenPGP verdict, read from gpg's own status lines: one flag is never enough.

gpg exits 0 on unsigned messages, writes plaintext for tampered ones, and calls a signature by an expired or revoked key
valid. AVG art. 32 and convenant art. 2.2 a ask that nobody else writes or reads. So all of it is demanded at once;
everything that is not plainly right is a refusal with a retourcode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

#: Each of these exactly once.
ONCE = ("NEWSIG", "GOODSIG", "VALIDSIG", "BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC")
#: None of these. KEYEXPIRED and NO_SECKEY are not here: both also appear on good messages.
NEVER = ("BADSIG", "ERRSIG", "BADMDC", "DECRYPTION_FAILED", "ERROR", "NODATA", "UNEXPECTED", "FAILURE")
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

    @classmethod
    def parse(cls, stderr: str) -> Status:
        """Take the lines that gpg itself marked; text inside a line (a file name) stays inside it."""
        marked = (line.removeprefix("[GNUPG:] ") for line in stderr.split("\n") if line.startswith("[GNUPG:] "))
        words = (line.split(" ") for line in marked)
        return cls(tuple((word[0], tuple(word[1:])) for word in words))

    def fields(self, keyword: str) -> tuple[str, ...]:
        """The fields of the first such line, () where there is none."""
        return next((fields for name, fields in self.lines if name == keyword), ())

    @property
    def keywords(self) -> Counter[str]:
        """How often each keyword stands."""
        return Counter(name for name, _ in self.lines)


@dataclass(frozen=True)
class Expected:
    """What we know beside the message: who may have signed, when it was picked up, and our own key."""

    signers: Collection[str]  # primary fingerprints, 40 hexadecimal digits
    at: datetime
    own_fingerprint: str
    own_expires: str


def judge(status: Status, exit_code: int, expected: Expected) -> str:
    """The primary fingerprint of the signer; raises PgpRefusal with the one code that helps the partner most."""
    seen = status.keywords
    if not seen["BEGIN_DECRYPTION"] and not seen["ENC_TO"]:
        signed = seen["NEWSIG"] or seen["PLAINTEXT"]
        raise PgpRefusal("E-PGP-01" if signed or seen["NODATA"] or not seen["ENC_TO"] else "E-PGP-05")
    if not seen["DECRYPTION_INFO"] and (seen["NO_SECKEY"] or seen["DECRYPTION_FAILED"]):
        if seen["NO_SECKEY"]:
            raise PgpRefusal("E-PGP-02", {"vingerafdruk": expected.own_fingerprint, "datum": expected.own_expires})
        raise PgpRefusal("E-PGP-05")
    info = status.fields("DECRYPTION_INFO")
    if info and info[0] == "0":  # not MDC: AEAD (packet 20) or no integrity protection at all
        raise PgpRefusal("E-PGP-06")
    _integrity(seen)
    if exit_code == 2 and seen["PLAINTEXT"] and not seen["NEWSIG"]:
        raise PgpRefusal("E-PGP-08")  # whole, but writing stopped at the limit, before any signature was read
    return _signature(status, seen, exit_code, expected)


def _integrity(seen: Counter[str]) -> None:
    """Whole, once, and nothing around it."""
    damaged = seen["BADMDC"] or seen["DECRYPTION_FAILED"] or seen["NODATA"] or seen["UNEXPECTED"]
    if damaged or not seen["DECRYPTION_OKAY"] or not seen["GOODMDC"]:
        raise PgpRefusal("E-PGP-05")
    if any(seen[word] > 1 for word in ("BEGIN_DECRYPTION", "PLAINTEXT", "DECRYPTION_OKAY", "GOODMDC")):
        raise PgpRefusal("E-PGP-05")


def _signature(status: Status, seen: Counter[str], exit_code: int, expected: Expected) -> str:
    """Exactly one good signature, by a registered key that was in force when the file was picked up."""
    valid = status.fields("VALIDSIG")
    if seen["VALIDSIG"] > 1 or seen["NEWSIG"] > 1:
        raise PgpRefusal("E-PGP-03")
    errors = status.fields("ERRSIG")
    if errors and len(errors) > 2 and errors[2] not in STRONG and errors[-2:-1] == ("5",):
        raise PgpRefusal("E-PGP-07")
    if not valid or valid[-1] not in expected.signers:
        raise PgpRefusal("E-PGP-03")
    if valid[7] not in STRONG:
        raise PgpRefusal("E-PGP-07")
    if seen["REVKEYSIG"]:
        raise PgpRefusal("E-PGP-04", {"datum": _day(expected.at)})
    if seen["EXPKEYSIG"]:
        moments = [fields[0] for name, fields in status.lines if name == "KEYEXPIRED" and fields]
        expired = min((datetime.fromtimestamp(int(moment), UTC) for moment in moments), default=expected.at)
        if expired <= expected.at:
            raise PgpRefusal("E-PGP-04", {"datum": _day(expired)})
    elif not seen["GOODSIG"]:
        raise PgpRefusal("E-PGP-03")
    if seen["EXPSIG"] or any(seen[word] for word in NEVER):
        raise PgpRefusal("E-PGP-03")
    if exit_code != 0 or any(seen[word] != 1 for word in ONCE if word != "GOODSIG"):
        raise PgpRefusal("E-PGP-05")
    return valid[-1]


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
