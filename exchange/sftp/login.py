"""Logging in: the host key is compared with the pinned ones before anything of ours is shown."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import paramiko
import stamina
from paramiko.sftp import SFTPError

from exchange.faults import (
    ConfigurationFault,
    HostKeyMismatch,
    LoginRefused,
    OutOfTime,
    PartyUnreachable,
    Problem,
    ServerUnfit,
)
from exchange.sentences import of_the_system
from exchange.sftp.deadline import Deadline
from exchange.sftp.wire import PACKET, WINDOW, Refused, Session

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


@contextlib.contextmanager
def session(endpoint: Endpoint, key_file: Path, partij: str, deadline: Deadline) -> Iterator[Session]:
    """An SFTP session, closed when the body ends or the deadline has passed; a few quick attempts where the network is
    at fault.

    Raises PartyUnreachable, LoginRefused, HostKeyMismatch, ServerUnfit, OutOfTime, and ConfigurationFault when our own
    key cannot be read.
    """
    key = _own_key(key_file)
    with translated(partij, deadline):
        transport = _login(endpoint, key, partij, deadline)
    with deadline.ending(transport.close):
        try:
            with translated(partij, deadline):
                opened = _open(transport, partij)
            yield opened
        finally:
            transport.close()


def _login(endpoint: Endpoint, key: paramiko.Ed25519Key, partij: str, deadline: Deadline) -> paramiko.Transport:
    def passing(error: Exception) -> bool:
        """Whether another attempt may help."""
        if deadline.passed or isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            return False
        return isinstance(error, OSError | EOFError | paramiko.SSHException)

    again = stamina.retry_context(on=passing, attempts=3, timeout=45.0, wait_initial=0.2, wait_max=1.0)
    for attempt in again:
        with attempt:
            return _attempt(endpoint, key, partij, deadline)
    raise AssertionError  # the last attempt raises


def _attempt(endpoint: Endpoint, key: paramiko.Ed25519Key, partij: str, deadline: Deadline) -> paramiko.Transport:
    wire = socket.create_connection((endpoint.host, endpoint.poort), max(0.1, min(CONNECTING, deadline.left)))
    try:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small requests must not wait for each other's ACK
        transport = paramiko.Transport(wire)
        with deadline.ending(transport.close):
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
            _authenticate(transport, endpoint.gebruiker, key, partij, deadline)
            transport.set_keepalive(KEEPALIVE)
        return transport
    except BaseException:
        transport.close()
        wire.close()  # which a transport that never began leaves open
        raise


def _authenticate(
    transport: paramiko.Transport, gebruiker: str, key: paramiko.Ed25519Key, partij: str, deadline: Deadline
) -> None:
    """Once: another attempt may lock the account."""
    until = Deadline(CONNECTING)
    try:
        transport.auth_publickey(gebruiker, key)
    except paramiko.BadAuthenticationType:
        reason = "zij neemt hier geen SSH-sleutels aan"
    except paramiko.AuthenticationException:
        if deadline.passed:
            raise
        if until.passed:
            raise PartyUnreachable(partij, "op onze aanmelding kwam geen antwoord op tijd") from None
        if not transport.is_active():
            raise PartyUnreachable(partij, "de verbinding werd verbroken terwijl wij ons aanmeldden") from None
        reason = "zij kent deze gebruiker of deze sleutel niet"
    else:
        if transport.is_authenticated():
            return
        reason = "zij vraagt naast de sleutel nog iets, zoals een wachtwoord"
    raise LoginRefused(partij, gebruiker, key.fingerprint, reason)


def _open(transport: paramiko.Transport, partij: str) -> Session:
    try:
        channel = transport.open_session(WINDOW, PACKET, timeout=ANSWERING)
        channel.settimeout(ANSWERING)
        channel.invoke_subsystem("sftp")
        return Session(channel)
    except paramiko.SSHException:
        if not transport.is_active():
            raise
        raise ServerUnfit(partij, "zij geeft na het aanmelden geen SFTP-kanaal") from None


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
def translated(partij: str, deadline: Deadline) -> Iterator[None]:
    """Trouble on the way becomes the fault that it is; a refusal of a request comes through as it is. The reason is
    ours, never text that a server sent."""
    try:
        yield
    except Refused:
        raise
    except (OSError, EOFError, paramiko.SSHException, SFTPError, struct.error) as error:
        if deadline.passed:
            raise OutOfTime(partij, deadline.seconds) from None
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            if "host key" in str(error):  # it has only host keys of kinds that are not pinned
                raise HostKeyMismatch(partij) from None
            raise ServerUnfit(partij, "haar SSH heeft geen algoritme met ons gemeen") from None
        if isinstance(error, SFTPError | struct.error):
            raise ServerUnfit(partij, "wat zij antwoordt, is geen SFTP versie 3") from None
        raise PartyUnreachable(partij, _reason(error)) from None


def _reason(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return "de naam van de server is niet bekend"
        case TimeoutError():
            return "er kwam geen antwoord op tijd"
        case OSError(errno=int()):
            return of_the_system(error)
        case _:
            return f"de verbinding is verbroken, {type(error).__name__}"
