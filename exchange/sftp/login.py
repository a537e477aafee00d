"""Logging in: the host key is compared with the pinned ones before anything of ours is shown."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import paramiko
import stamina

from exchange.faults import ConfigurationFault, HostKeyMismatch, PartyUnreachable, Problem, RequestRefused
from exchange.sentences import of_the_system
from exchange.sftp.wire import refusal

#: Seconds for connecting and logging in, for any single answer of a server, and between signs of life while we wait.
CONNECTING, ANSWERING, KEEPALIVE = 15.0, 30.0, 20


class Endpoint(Protocol):
    """Where a party's account is (`exchange.configuration.Sftp`)."""

    @property
    def host(self) -> str: ...
    @property
    def poort(self) -> int: ...
    @property
    def gebruiker(self) -> str: ...
    @property
    def hostkeys(self) -> tuple[str, ...]: ...
    @property
    def map(self) -> str: ...


def login(endpoint: Endpoint, key_file: Path, partij: str) -> paramiko.Transport:
    """An authenticated transport; a few quick attempts where the network is at fault.

    Raises PartyUnreachable, HostKeyMismatch, and ConfigurationFault when our own key cannot be read.
    """
    key = _own_key(key_file)
    with translated(partij):
        return _attempt(endpoint, key, partij)


def _passing(error: Exception) -> bool:
    """Whether another attempt may help: not after a refused login, which may lock the account."""
    if isinstance(error, paramiko.AuthenticationException | paramiko.ssh_exception.IncompatiblePeer):
        return False
    return isinstance(error, OSError | EOFError | paramiko.SSHException)


@stamina.retry(on=_passing, attempts=3, timeout=45.0, wait_initial=0.2, wait_max=1.0)
def _attempt(endpoint: Endpoint, key: paramiko.Ed25519Key, partij: str) -> paramiko.Transport:
    wire = socket.create_connection((endpoint.host, endpoint.poort), CONNECTING)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small requests must not wait for each other's ACK
    transport = paramiko.Transport(wire)
    try:
        transport.banner_timeout = transport.auth_timeout = CONNECTING
        pinned = [tuple(line.split()[:2]) for line in endpoint.hostkeys]
        options = transport.get_security_options()
        families = {kind for kind, _ in pinned}
        options.key_types = tuple(kind for kind in options.key_types if _family(kind) in families)
        # AES-GCM first: one pass instead of cipher and MAC apart; what else paramiko offers stays behind it
        options.ciphers = tuple(sorted(options.ciphers, key=lambda name: "gcm" not in name))
        transport.start_client(timeout=CONNECTING)
        shown = transport.get_remote_server_key()
        if (shown.get_name(), shown.get_base64()) not in pinned:
            raise HostKeyMismatch(partij)
        transport.auth_publickey(endpoint.gebruiker, key)
        if not transport.is_authenticated():  # the server wants a password on top
            raise paramiko.AuthenticationException
        transport.set_keepalive(KEEPALIVE)
    except BaseException:
        transport.close()
        raise
    return transport


def _own_key(key_file: Path) -> paramiko.Ed25519Key:
    try:
        return paramiko.Ed25519Key.from_private_key_file(str(key_file))
    except (OSError, paramiko.SSHException) as error:
        problem = Problem(
            "nachtpost.toml",
            "exchange.ssh_sleutel",
            f"{key_file.name} is niet te lezen als SSH-sleutel van de soort ed25519, zonder wachtwoord",
            "Maak een sleutel met: ssh-keygen -t ed25519 -N ''",
        )
        raise ConfigurationFault([problem]) from error


def _family(kind: str) -> str:
    """The kind of key that a signature algorithm belongs to: one RSA key signs in several ways."""
    return "ssh-rsa" if kind.startswith("rsa-sha2") else kind


@contextlib.contextmanager
def translated(partij: str, verzoek: str = "een verzoek") -> Iterator[None]:
    """Trouble on the way is the party being unreachable, a server's refusal of `verzoek` is RequestRefused; the reason
    is ours, never text that a server sent."""
    try:
        yield
    except paramiko.ssh_exception.IncompatiblePeer as error:
        if "host key" in str(error):  # it has only host keys of kinds that are not pinned
            raise HostKeyMismatch(partij) from None
        raise PartyUnreachable(partij, "wij hebben geen algoritme gemeen") from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        status = refusal(error)
        if status is not None:
            raise RequestRefused(partij, verzoek, status) from None
        raise PartyUnreachable(partij, _reason(error)) from error


def _reason(error: Exception) -> str:
    match error:
        case paramiko.AuthenticationException():
            return "de aanmelding is geweigerd"
        case socket.gaierror():
            return "de naam van de server is niet bekend"
        case TimeoutError():
            return "er kwam geen antwoord op tijd"
        case OSError(errno=int()):
            return of_the_system(error)
        case _:
            return f"de verbinding is verbroken, {type(error).__name__}"
