"""OpenPGP keys as partners really have them: expired, revoked, not yet valid, weak. Made by gpg."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import program

DAY = 24 * 3600


@dataclass(frozen=True)
class Gpg:
    """gpg as a party runs it, in its own `home`."""

    home: Path

    def run(self, *arguments: str, content: bytes | None = None, ago: int = 0) -> bytes:
        """`ago`: as many seconds before now, or after it when negative."""
        command = [program("gpg"), "--homedir", str(self.home), "--batch", "--no-tty", "--pinentry-mode", "loopback"]
        command += ["--passphrase", "", *(["--faked-system-time", str(int(time.time()) - ago)] if ago else [])]
        return subprocess.run([*command, *arguments], input=content, check=True, capture_output=True).stdout

    def key(self, uid: str, kind: str = "ed25519", expires: str = "0", *options: str, ago: int = 0) -> str:
        """A primary key that signs, without any subkey; its fingerprint."""
        self.run(*options, "--quick-generate-key", uid, kind, "sign", expires, ago=ago)
        listed = self.run("--with-colons", "--list-keys", f"={uid}", ago=ago).decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def subkey(self, fingerprint: str, expires: str = "0", kind: str = "cv25519", ago: int = 0) -> None:
        """A subkey that encrypts."""
        self.run("--quick-add-key", fingerprint, kind, "encr", expires, ago=ago)

    def revoke(self, fingerprint: str, subkey: int | None = None) -> None:
        """The key itself, or its n-th subkey."""
        command = [program("gpg"), "--homedir", str(self.home), "--no-tty", "--pinentry-mode", "loopback"]
        command += ["--command-fd", "0", *(["--edit-key"] if subkey else ["--gen-revoke"]), fingerprint]
        said = f"key {subkey}\nrevkey\ny\n0\n\ny\nsave\n" if subkey else "y\n1\n\ny\n"
        made = subprocess.run(command, input=said.encode(), check=True, capture_output=True).stdout
        if not subkey:
            self.run("--import", content=made)

    def public(self, *fingerprints: str) -> bytes:
        return self.run("--armor", "--export", *fingerprints)

    def secret(self, fingerprint: str) -> bytes:
        return self.run("--armor", "--export-secret-keys", fingerprint)


def cheap(uid: str) -> tuple[bytes, str]:
    """A public key (ed25519, cv25519) and its fingerprint, made without gpg: a country has 700 of them."""
    secret, begun = Ed25519PrivateKey.generate(), struct.pack(">I", int(time.time()) - DAY)
    point = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    body = b"\x04" + begun + b"\x16" + bytes.fromhex("092B06010401DA470F01") + _mpi(b"\x40" + point)
    other = X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kdf = bytes.fromhex("03010807")
    sub = b"\x04" + begun + b"\x12" + bytes.fromhex("0A2B060104019755010501") + _mpi(b"\x40" + other) + kdf
    primary = b"\x99" + struct.pack(">H", len(body)) + body
    name = uid.encode()
    about = {0x13: b"\xb4" + struct.pack(">I", len(name)) + name, 0x18: b"\x99" + struct.pack(">H", len(sub)) + sub}
    fingerprint = hashlib.sha1(primary).digest()

    def signature(kind: int, flags: int) -> bytes:
        hashed = b"\x05\x02" + begun + bytes([2, 27, flags]) + b"\x16\x21\x04" + fingerprint
        head = bytes([4, kind, 22, 8]) + struct.pack(">H", len(hashed)) + hashed
        trailer = b"\x04\xff" + struct.pack(">I", len(head))
        digest = hashlib.sha256(primary + about[kind] + head + trailer).digest()
        signed = secret.sign(digest)
        issuer = b"\x09\x10" + fingerprint[-8:]
        return head + struct.pack(">H", len(issuer)) + issuer + digest[:2] + _mpi(signed[:32]) + _mpi(signed[32:])

    packets = ((6, body), (13, name), (2, signature(0x13, 0x03)), (14, sub), (2, signature(0x18, 0x0C)))
    return b"".join(bytes([0xC0 | tag, len(content)]) + content for tag, content in packets), fingerprint.hex().upper()


def _mpi(number: bytes) -> bytes:
    short = number.lstrip(b"\0")
    return struct.pack(">H", int.from_bytes(short).bit_length()) + short
