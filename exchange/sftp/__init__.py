"""SFTP with paramiko: one connection per party, pinned host keys, nothing overwritten.

The exchange logs in to the party's own account with its own key, whether the server is ours or theirs.
"""

from __future__ import annotations

from exchange.sftp.connection import Connection, RemoteFile, Sink, connect
from exchange.sftp.login import Endpoint

__all__ = ["Connection", "Endpoint", "RemoteFile", "Sink", "connect"]
