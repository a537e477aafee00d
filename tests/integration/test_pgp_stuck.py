"""A gpg-agent that does not answer ends in a fault that is tried again, and never in a wait without end."""

# the fixtures of test_pgp, under their own names
# ruff: noqa: F811

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from exchange.faults import PgpFault
from exchange.pgp import Keyring, home, process
from tests.integration.test_pgp import CONTENT, World, keys, world  # noqa: F401


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STUCK", 1.0)
    monkeypatch.setattr(process, "PATIENCE", 3.0)
    monkeypatch.setattr(home, "_ENDING", 1)


def agents(keyring: Keyring) -> list[int]:
    """The agents of a keyring, by process id."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (one / "cmdline").read_bytes().split(b"\0")
            if command[0].endswith(b"gpg-agent") and os.fsencode(keyring._home) in command:
                found.append(int(one.name))
    return found


def stop(keyring: Keyring) -> int:
    [agent] = agents(keyring)
    os.kill(agent, signal.SIGSTOP)
    return agent


def gone(agent: int) -> None:
    """Wait until the kernel has ended it; the test's own limit ends a wait for one that lives."""
    command = Path(f"/proc/{agent}/cmdline")
    while command.exists() and command.read_bytes():
        time.sleep(0.01)


def streamed(world: World) -> None:
    with world.ours.encryptor(world.folder / "out.pgp", world.partner) as stream:
        for _ in range(100):  # more than a pipe holds
            stream.write(bytes(100_000))


ACTIONS: dict[str, Callable[[World], object]] = {
    "reading": lambda world: world.read(world.folder / "made.pgp"),
    "writing": lambda world: world.ours.encrypt(CONTENT, world.folder / "out.pgp", world.partner),
    "streaming": streamed,
    "signing": lambda world: world.ours.sign(CONTENT),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_agent_that_hangs_is_a_fault_and_the_next_call_has_a_new_one(world, action):
    world.gpg("-s", "-e", "-r", world.own)
    agent = stop(world.ours)
    with pytest.raises(PgpFault) as fault:
        ACTIONS[action](world)
    assert fault.value.retry
    gone(agent)
    ACTIONS[action](world)


def test_a_writer_that_takes_its_time_is_not_taken_for_a_hang(world, monkeypatch):
    monkeypatch.setattr(process, "STUCK", 0.2)
    monkeypatch.setattr(process, "LOOK", 0.05)
    with world.ours.encryptor(world.folder / "out.pgp", world.partner) as stream:
        stream.write(CONTENT)
        time.sleep(0.6)
        stream.write(CONTENT)
    assert world.run("--decrypt", str(world.folder / "out.pgp")) == CONTENT * 2


def test_a_keyring_closes_and_leaves_no_agent_even_if_that_one_hangs(world, keys):
    with Keyring.open(keys["exchange"][0], world.own, []) as ours:
        agent = stop(ours)
    gone(agent)
    assert not ours._home.exists()
