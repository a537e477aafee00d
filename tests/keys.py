"""OpenPGP keys as partners really have them: expired, revoked, not yet valid, weak. Made by gpg."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

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
