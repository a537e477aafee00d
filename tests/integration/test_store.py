"""The archive and the work store on a real disk: what is there is whole, private, and only ours to read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exchange.faults import StoreFault
from exchange.store import ROW_GROUP, Store, WorkStore

KEY = b"k" * 32
SURNAME = "Wolkenstein"
SCHEMA = pa.schema([("nr", pa.int64()), ("achternaam", pa.string()), ("gemeentecode", pa.string())])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(f"file://{folder}")


@pytest.fixture
def work(folder: Path) -> WorkStore:
    return WorkStore(f"file://{folder}", KEY)


def put(store: Store, name: str, content: bytes) -> None:
    with store.put_atomic(name) as sink:
        sink.write(content)


def everything(folder: Path) -> list[str]:
    """Every file in the store, temporary ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_put_can_be_read_listed_measured_renamed_and_removed(store, folder):
    put(store, "a/b/one", b"content")
    assert store.open("a/b/one").read() == b"content"
    assert (store.exists("a/b/one"), store.size("a/b/one"), store.list("a")) == (True, 7, ["a/b/one"])
    with store.local("a/b/one") as path:
        assert path.read_bytes() == b"content"
    store.rename("a/b/one", "c/two")
    assert everything(folder) == ["c/two"]
    store.remove("c/two")
    store.remove("c/two")
    assert everything(folder) == []


def test_a_failure_while_writing_leaves_what_was_there_and_nothing_else(store, folder):
    put(store, "a", b"before")
    with pytest.raises(RuntimeError), store.put_atomic("a") as sink:
        sink.write(b"half")
        raise RuntimeError
    with pytest.raises(RuntimeError), store.target("b") as path:
        path.write_bytes(b"half")
        raise RuntimeError
    assert everything(folder) == ["a"]
    assert store.open("a").read() == b"before"


def test_nothing_is_visible_under_its_name_before_it_is_whole(store, folder):
    with store.put_atomic("a") as sink:
        sink.write(b"x" * 10**6)
        sink.flush()
        assert not store.exists("a")
        assert all(Path(name).name.startswith(".") for name in everything(folder))
    assert store.size("a") == 10**6


def test_a_writer_that_is_killed_leaves_nothing_under_the_name(store, folder):
    code = (
        "import os, sys; from exchange.store import Store\n"
        "with Store(sys.argv[1]).put_atomic('a') as sink:\n"
        "    sink.write(b'half'); sink.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, f"file://{folder}"], check=False)
    assert not store.exists("a")


def test_what_a_killed_writer_left_goes_with_the_next_one_and_what_a_living_one_writes_stays(folder):
    code = (
        "import sys; from exchange.store import Store\n"
        "with Store(sys.argv[1]).put_atomic('a/b') as sink:\n"
        "    sink.write(b'half'); sink.flush(); print('half', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, f"file://{folder}"], **pipes) as writer:
        assert writer.stdout.readline() == b"half\n"
        [half] = (folder / "a").iterdir()
        os.utime(half, (0, 0))  # however long it takes
        put(Store(f"file://{folder}"), "a/one", b"1")
        assert half.exists()
        writer.kill()
    put(Store(f"file://{folder}"), "a/two", b"2")
    assert everything(folder) == ["a/one", "a/two"]


def test_what_a_killed_writer_left_a_moment_ago_stays_for_now(folder):
    put(Store(f"file://{folder}"), "a/one", b"1")
    (folder / "a" / ".half").write_bytes(b"half")
    put(Store(f"file://{folder}"), "a/two", b"2")
    assert everything(folder) == ["a/.half", "a/one", "a/two"]


def test_content_reaches_the_disk_before_its_name_and_the_name_before_we_go_on(store, folder, monkeypatch):
    put(store, "d/first", b"x")
    calls = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle: int) -> None:
        calls.append(("fsync", Path(f"/proc/self/fd/{handle}").resolve().name.partition(".")[0]))
        fsync(handle)

    def watched_replace(old: Path, new: Path) -> None:
        calls.append(("rename", Path(new).name))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    put(store, "d/a", b"x")
    assert calls == [("fsync", ""), ("rename", "a"), ("fsync", "d")]  # a temporary name begins with a dot


def test_files_and_folders_are_ours_alone_whatever_the_umask(folder):
    before = os.umask(0)
    try:
        put(Store(f"file://{folder}"), "a/b", b"x")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "a", folder / "a" / "b")}
    assert modes == {"store": 0o700, "a": 0o700, "b": 0o600}


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "a/.."])
def test_no_name_leads_out_of_the_store(store, folder, name):
    put(store, "a/x", b"x")
    attempts = [
        lambda: put(store, name, b"x"),
        lambda: store.open(name),
        lambda: store.exists(name),
        lambda: store.rename("a/x", name),
        lambda: store.remove(name),
        lambda: store.list(name),
    ]
    for attempt in attempts:
        with pytest.raises(StoreFault):
            attempt()
    assert everything(folder.parent) == ["store/a/x"]


def test_what_is_not_there_is_a_fault_of_its_own(store):
    for attempt in (store.open, store.size, lambda name: store.rename(name, "b")):
        with pytest.raises(StoreFault, match="staat niet in de opslag"):
            attempt("a")
    with pytest.raises(StoreFault), store.local("a"):
        pytest.fail("opened")


def rows(codes: list[str], first: int = 0) -> pa.Table:
    numbers = range(first, first + len(codes))
    return pa.table({"nr": list(numbers), "achternaam": [SURNAME] * len(codes), "gemeentecode": codes}, SCHEMA)


def write(work: WorkStore, *blocks: pa.Table) -> None:
    with work.writer(7, 1, SCHEMA) as writer:
        for block in blocks:
            writer.write(block)


def numbers(found: Iterator[pa.Table]) -> list[int]:
    return sorted(nr for piece in found for nr in piece["nr"].to_pylist())


def test_rows_come_back_all_of_them_or_those_of_a_few_gemeenten(work):
    write(work, rows(["0363", "0344", "0363"]), rows([]), rows(["0599", "0344"], 3))
    assert numbers(work.read(7, 1, None, None)) == [0, 1, 2, 3, 4]
    assert numbers(work.read(7, 1, {"0344"}, None)) == [1, 4]
    assert numbers(work.read(7, 1, {"0363", "0599"}, ["nr", "gemeentecode"])) == [0, 2, 3]
    assert numbers(work.read(7, 1, {"1999"}, None)) == []


def test_a_reader_of_one_gemeente_opens_only_the_row_groups_that_can_hold_it(work):
    codes = [f"{code:04d}" for code in range(1, 5) for _ in range(ROW_GROUP)]
    write(work, rows(codes[::-1]))
    pieces = list(work.read(7, 1, {"0003"}, ["nr", "gemeentecode"]))
    assert [piece.num_rows for piece in pieces] == [ROW_GROUP]


def test_nothing_of_a_person_stands_on_the_disk_in_clear(work, folder):
    write(work, rows(["0363"] * 100))
    content = (folder / "7" / "1.parquet").read_bytes()
    assert SURNAME.encode() not in content
    for name in ("achternaam", "0363"):  # the columns and their smallest and largest value neither
        assert name.encode() not in content
    with work.writer(8, 1, SCHEMA) as writer:
        writer.write(rows(["0363"] * ROW_GROUP))
        for path in folder.rglob("*"):
            assert path.is_dir() or SURNAME.encode() not in path.read_bytes()


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(work, folder):
    """Not every byte is of the rows: the first four are Parquet's magic, and names of the key's fields go unread."""
    good = rows([f"{code:04d}" for code in range(200)])
    write(work, good)
    path = folder / "7" / "1.parquet"
    whole = path.read_bytes()
    places, refused = range(0, len(whole), 5), 0
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert pa.concat_tables(work.read(7, 1, None, None)).equals(good)
        except StoreFault as fault:
            refused += 1
            assert SURNAME not in str(fault)
    assert refused > 0.9 * len(places)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreFault):
        list(work.read(7, 1, None, None))


def test_another_key_or_none_is_refused(work, folder):
    write(work, rows(["0363"]))
    with pytest.raises(StoreFault):
        list(WorkStore(f"file://{folder}", b"z" * 32).read(7, 1, None, None))
    with pytest.raises(OSError, match=r"(?i)encrypt"):
        pq.read_table(folder / "7" / "1.parquet")


def test_an_unfinished_writer_leaves_nothing(work, folder):
    with pytest.raises(RuntimeError), work.writer(7, 1, SCHEMA) as writer:
        writer.write(rows(["0363"]))
        raise RuntimeError
    assert everything(folder) == []
    with pytest.raises(StoreFault):
        list(work.read(7, 1, None, None))


def test_generations_stand_beside_each_other_and_go_one_by_one(work):
    for generation in (1, 2):
        with work.writer(7, generation, SCHEMA) as writer:
            writer.write(rows(["0363"] * generation))
    work.remove(7, 1)
    assert numbers(work.read(7, 2, None, None)) == [0, 1]
    with pytest.raises(StoreFault):
        list(work.read(7, 1, None, None))
