"""The SFTP adapter against OpenSSH's own server."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass

import pytest

from exchange.faults import HostKeyMismatch, PartyUnreachable, TargetExists
from exchange.sftp import connect


@dataclass(frozen=True)
class Endpoint:
    """As a party's configuration gives it."""

    host: str
    poort: int
    gebruiker: str
    hostkeys: tuple[str, ...]
    map: str = ""


@pytest.fixture
def endpoint(sshd) -> Endpoint:
    return Endpoint("127.0.0.1", sshd.port, sshd.user, (sshd.hostkey,), str(sshd.root))


@pytest.fixture
def connection(endpoint, sshd):
    with connect(endpoint, sshd.key, "partij") as opened:
        yield opened


def test_an_unknown_host_key_stops_before_anything_is_exchanged(endpoint, sshd):
    other = Endpoint(endpoint.host, endpoint.poort, endpoint.gebruiker, (sshd.key.with_suffix(".pub").read_text(),))
    with pytest.raises(HostKeyMismatch), connect(other, sshd.key, "partij"):
        pytest.fail("logged in")


def test_a_server_that_does_not_answer_or_refuses_us_is_unreachable(endpoint, sshd):
    silent = Endpoint(endpoint.host, 1, endpoint.gebruiker, endpoint.hostkeys)
    with pytest.raises(PartyUnreachable), connect(silent, sshd.key, "partij"):
        pytest.fail("logged in")
    with pytest.raises(PartyUnreachable), connect(endpoint, sshd.key.with_name("host"), "partij"):
        pytest.fail("logged in")


def test_a_listing_tells_files_from_what_we_never_touch(connection, sshd):
    (sshd.root / "in").mkdir()
    (sshd.root / "in" / "good.csv.pgp").write_bytes(b"abc")
    (sshd.root / "in" / ".hidden").write_bytes(b"")
    (sshd.root / "in" / "folder").mkdir()
    (sshd.root / "in" / "link.csv.pgp").symlink_to("/etc/passwd")
    (sshd.root / "in" / "back\\slash").write_bytes(b"")
    found = {file.name: file for file in connection.listing("in")}
    assert [name for name, file in found.items() if file.regular and file.deugt] == ["good.csv.pgp"]
    assert found["good.csv.pgp"].size == 3
    assert connection.listing("absent") == []


def test_a_large_file_arrives_whole(connection, sshd):
    content = os.urandom(20_000_003)
    (sshd.root / "large").write_bytes(content)
    sink = io.BytesIO()
    connection.fetch("large", sink)
    assert hashlib.sha256(sink.getvalue()).digest() == hashlib.sha256(content).digest()


def test_an_upload_is_verified_and_a_rename_never_overwrites(connection, sshd):
    content = os.urandom(300_000)
    connection.ensure_folder("uit/0363")
    connection.put(io.BytesIO(content), "uit/0363/.x.tmp", len(content))
    connection.rename("uit/0363/.x.tmp", "uit/0363/x")
    assert (sshd.root / "uit" / "0363" / "x").read_bytes() == content
    connection.put(io.BytesIO(b"other"), "uit/0363/.x.tmp", 5)
    with pytest.raises(TargetExists):
        connection.rename("uit/0363/.x.tmp", "uit/0363/x")
    assert (sshd.root / "uit" / "0363" / "x").read_bytes() == content
    connection.remove("uit/0363/.x.tmp")
    connection.remove("uit/0363/.x.tmp")
    assert connection.stat("uit/0363/.x.tmp") is None


def test_an_upload_that_did_not_arrive_whole_is_not_believed(connection):
    with pytest.raises(PartyUnreachable):
        connection.put(io.BytesIO(b"abc"), "short", 4)
