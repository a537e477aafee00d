"""The sandbox's SFTP server, tried with OpenSSH's own client as a partner's developer would."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from exchange.configuration import load
from exchange.faults import LoginRefused, SandboxFault
from exchange.sandbox.create import Sandbox, create
from exchange.sandbox.serve import serving
from exchange.sftp import connect
from tests.conftest import program

PARTY, OTHER = "huur-01", "energie-02"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    made = create(tmp_path_factory.mktemp("serve") / "s", partners=2, uitvoerders=1, signalen=20)
    with serving(made.folder):
        yield made


@pytest.fixture
def seen(sandbox: Sandbox) -> Iterator[Path]:
    """The party's folder on disk, as it was before the test."""
    folder = sandbox.folder / "sftp" / PARTY
    keep = folder.with_name(".keep")
    shutil.copytree(folder, keep)
    yield folder
    shutil.rmtree(folder)
    keep.rename(folder)


def sftp(sandbox: Sandbox, batch: str, party: str = PARTY, *options: str) -> subprocess.CompletedProcess[str]:
    """OpenSSH's client, with the ssh_config that the party was given."""
    config = sandbox.folder / "parties" / party / "ssh_config"
    command = [program("sftp"), "-b", "-", "-F", str(config), *options, "exchange"]
    return subprocess.run(command, input=batch, check=False, capture_output=True, text=True, timeout=30)


def session(sandbox: Sandbox) -> paramiko.SFTPClient:
    """A client that sends what OpenSSH's would not."""
    own = sandbox.folder / "parties" / PARTY
    transport = paramiko.Transport(("127.0.0.1", int((sandbox.folder / "server" / "port").read_text())))
    transport.connect(username=PARTY, pkey=paramiko.Ed25519Key.from_private_key_file(str(own / "id_ed25519")))
    client = paramiko.SFTPClient.from_transport(transport)
    assert client is not None
    return client


def test_a_party_logs_in_with_the_ssh_config_it_was_given(sandbox: Sandbox, seen: Path, tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    (tmp_path / "sent").write_bytes(content)
    script = f"put {tmp_path}/sent in/x.part\nrename in/x.part in/x\nget in/x {tmp_path}/back\nls\n"
    done = sftp(sandbox, script)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == (seen / "in" / "x").read_bytes() == content
    assert {"in", "terugmelding", "LEESMIJ.txt"} <= set(done.stdout.split())


def test_the_exchange_logs_in_to_the_same_account_with_its_own_key(sandbox: Sandbox, seen: Path) -> None:
    config = load(sandbox.config)
    with connect(config.partners[PARTY].sftp, config.path(config.exchange.ssh_sleutel), PARTY, 60) as connection:
        connection.put(io.BytesIO(b"abc"), "terugmelding/.x", 3)
        connection.rename("terugmelding/.x", "terugmelding/x")
    assert (seen / "terugmelding" / "x").read_bytes() == b"abc"


@pytest.mark.parametrize("user", [OTHER, "nobody-99", "../server", ".", ""])
def test_a_key_opens_only_its_own_account(sandbox: Sandbox, user: str) -> None:
    config = load(sandbox.config)
    endpoint = config.partners[PARTY].sftp.model_copy(update={"gebruiker": user})
    key = sandbox.folder / "parties" / PARTY / "id_ed25519"
    with pytest.raises(LoginRefused), connect(endpoint, key, PARTY, 60):
        pytest.fail("logged in")


def test_the_client_knows_the_server_by_its_host_key(sandbox: Sandbox, tmp_path: Path) -> None:
    """The ssh_config is strict of itself: another host key ends the attempt."""
    known = (sandbox.folder / "parties" / PARTY / "known_hosts").read_text().split()
    (tmp_path / "known_hosts").write_text(
        f"{known[0]} {(sandbox.config / 'keys' / 'exchange_ed25519.pub').read_text()}"
    )
    done = sftp(sandbox, "ls\n", PARTY, "-o", f"UserKnownHostsFile={tmp_path}/known_hosts")
    assert done.returncode != 0
    assert "verification failed" in done.stderr


@pytest.mark.parametrize(
    "path", [f"../{OTHER}/LEESMIJ.txt", f"/../../sftp/{OTHER}/LEESMIJ.txt", "in/../../../server/port"]
)
def test_no_path_leads_to_another_party(sandbox: Sandbox, path: str) -> None:
    with pytest.raises(FileNotFoundError), session(sandbox).open(path):
        pytest.fail("opened")


def test_a_link_that_leads_outside_is_shown_but_not_followed(sandbox: Sandbox, seen: Path) -> None:
    outside = sandbox.folder / "sftp" / OTHER
    (seen / "in" / "file").symlink_to(outside / "LEESMIJ.txt")
    (seen / "in" / "folder").symlink_to(outside)
    (seen / "in" / "new").symlink_to(outside / "planted")
    client = session(sandbox)
    assert {"file", "folder", "new"} <= set(client.listdir("in"))
    attempts = {
        "read": lambda: client.open("in/file").close(),
        "read below": lambda: client.open("in/folder/LEESMIJ.txt").close(),
        "write": lambda: client.open("in/new", "w").close(),
        "write below": lambda: client.open("in/folder/planted", "w").close(),
        "list": lambda: client.listdir("in/folder"),
        "stat": lambda: client.stat("in/file"),
        "lstat below": lambda: client.lstat("in/folder/LEESMIJ.txt"),
        "remove below": lambda: client.remove("in/folder/LEESMIJ.txt"),
        "rename into": lambda: client.rename("LEESMIJ.txt", "in/folder/planted"),
        "rename out of": lambda: client.rename("in/folder/LEESMIJ.txt", "in/stolen"),
        "mkdir below": lambda: client.mkdir("in/folder/planted"),
        "chmod below": lambda: client.chmod("in/folder/LEESMIJ.txt", 0o777),
    }
    for what, attempt in attempts.items():
        with pytest.raises(PermissionError):
            attempt()
            pytest.fail(what)
    assert sorted(path.name for path in outside.iterdir()) == ["LEESMIJ.txt", "in", "terugmelding"]
    client.remove("in/file")
    assert (outside / "LEESMIJ.txt").is_file()


def test_the_exchange_sees_a_link_for_what_it_is(sandbox: Sandbox, seen: Path) -> None:
    (seen / "in" / "x.csv.pgp").symlink_to(sandbox.folder / "sftp" / OTHER / "LEESMIJ.txt")
    config = load(sandbox.config)
    with connect(config.partners[PARTY].sftp, config.path(config.exchange.ssh_sleutel), PARTY, 60) as connection:
        assert {file.name: file.regular for file in connection.listing("in")}["x.csv.pgp"] is False
        found = connection.stat("in/x.csv.pgp")
    assert found is not None
    assert not found.regular


def test_clients_cannot_make_links(sandbox: Sandbox, seen: Path) -> None:
    client = session(sandbox)
    for target in ("LEESMIJ.txt", "/etc/passwd", "../../server/port"):
        with pytest.raises(PermissionError):
            client.symlink(target, "in/link")
    assert sftp(sandbox, "ln LEESMIJ.txt in/link\n").returncode != 0
    assert not (seen / "in" / "link").is_symlink()
    assert not (seen / "in" / "link").exists()


def test_a_plain_rename_does_not_overwrite(sandbox: Sandbox, seen: Path) -> None:
    (seen / "in" / "a").write_text("a")
    (seen / "in" / "b").write_text("b")
    with pytest.raises(OSError, match="exists"):
        session(sandbox).rename("in/a", "in/b")
    assert (seen / "in" / "b").read_text() == "b"


def test_there_is_nothing_but_sftp(sandbox: Sandbox) -> None:
    """No command, and no way through to other servers: this one, which would answer, stands for them."""
    port = (sandbox.folder / "server" / "port").read_text()
    for arguments, sign in ((["exchange", "id"], "uid="), (["-W", f"127.0.0.1:{port}", "exchange"], "SSH-2.0")):
        command = [program("ssh"), "-F", str(sandbox.folder / "parties" / PARTY / "ssh_config"), *arguments]
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
        assert done.returncode != 0
        assert sign not in done.stdout


def test_a_port_that_is_taken_is_said_at_once(sandbox: Sandbox) -> None:
    """Also when what answers there is another server of ours."""
    with pytest.raises(SandboxFault), serving(sandbox.folder):
        pytest.fail("served twice")


def test_a_folder_that_is_no_sandbox_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(SandboxFault), serving(tmp_path):
        pytest.fail("served")


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    made = create(tmp_path / "s", partners=1, uitvoerders=1, signalen=1)
    port = int((made.folder / "server" / "port").read_text())
    code = (
        "import os, sys; from pathlib import Path; from exchange.sandbox.serve import serving\n"
        "with serving(Path(sys.argv[1])): os._exit(0)"  # no chance to clean up
    )
    subprocess.run([sys.executable, "-c", code, str(made.folder)], check=True, timeout=60)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.05)
    pytest.fail("it still answers")
