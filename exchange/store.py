"""The archive and the work store: fsspec paths, one way to write (whole, atomic, durable), private.

On disk a write is temp + fsync + rename + fsync of the folder, files 0600 in folders 0700; on object storage it is one
PUT. A temporary file is locked while it is written, so that what a killed writer left is known as such: whoever writes
there next removes it. The work store keeps accepted rows as Parquet with modular encryption (AES-GCM): a flipped bit or
another key is refused, never read.
"""

from __future__ import annotations

import base64
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from exchange.faults import StoreFault

#: Small enough that a lot of gemeenten skips most of a file, large enough to compress.
ROW_GROUP = 5_000
#: After how many seconds without a write a temporary file that nobody has locked counts as left behind.
ABANDONED = 600


class Store:
    """Bytes under names below one URL (`file:///…`, `s3://…`)."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._swept = set[Path]()
        self._on_disk = "file" in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,))
        if self._on_disk:
            Path(self._root).mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def target(self, name: str) -> Iterator[Path]:
        """A local path to write to; what stands there when the body ends is durable under `name`."""
        final = Path(self._path(name)) if self._on_disk else None
        if final:
            self._make_folder(final.parent)
        with self._temporary(final.parent if final else Path(tempfile.gettempdir())) as path:
            yield path
            if final:
                _sync(path)
                path.replace(final)
                _sync(final.parent)
            else:
                self._fs.put_file(str(path), self._path(name))

    @contextmanager
    def _temporary(self, folder: Path) -> Iterator[Path]:
        """A file for the body, locked by this process and gone when the body ends; the first in a folder clears it."""
        prefix = "." if self._on_disk else "nachtpost-opslag-"
        if folder not in self._swept:
            self._swept.add(folder)
            _clear_abandoned(folder, prefix)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=prefix)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(temporary)
        finally:
            Path(temporary).unlink(missing_ok=True)
            os.close(handle)

    @contextmanager
    def put_atomic(self, name: str) -> Iterator[BinaryIO]:
        """As `target`, for who writes a stream."""
        with self.target(name) as path, path.open("wb") as sink:
            yield sink
            sink.flush()

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """The file as a local path, for a program that reads one."""
        if self._on_disk:
            yield Path(self._require(name))
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            self._fs.get_file(self._require(name), str(path))
            yield path

    def open(self, name: str) -> BinaryIO:
        """Open for reading; raises StoreFault when it is not there."""
        opened: BinaryIO = self._fs.open(self._require(name), "rb")
        return opened

    def exists(self, name: str) -> bool:
        """Whether `name` is there."""
        return bool(self._fs.exists(self._path(name)))

    def size(self, name: str) -> int:
        """Its size in bytes."""
        return int(self._fs.size(self._require(name)))

    def rename(self, old: str, new: str) -> None:
        """Give a file its final name, replacing one of the same content."""
        if self._on_disk:
            target = Path(self._path(new))
            self._make_folder(target.parent)
            Path(self._require(old)).replace(target)
            _sync(target.parent)
        else:
            self._fs.mv(self._require(old), self._path(new))

    def remove(self, name: str) -> None:
        """Remove a file that may already be gone."""
        if self.exists(name):
            self._fs.rm_file(self._path(name))

    def list(self, prefix: str) -> list[str]:
        """Names below `prefix`, sorted."""
        found = self._fs.find(self._path(prefix))
        return sorted(str(path)[len(self._root) :].lstrip("/") for path in found)

    def _path(self, name: str) -> str:
        if name.startswith("/") or ".." in name.split("/"):
            raise StoreFault(name, "deze naam wijst buiten de opslag")
        return f"{self._root}/{name}"

    def _require(self, name: str) -> str:
        if not self._fs.exists(self._path(name)):
            raise StoreFault(name, "dit staat niet in de opslag")
        return self._path(name)

    def _make_folder(self, folder: Path) -> None:
        """Make a private folder, durably: each new name is synced in its parent."""
        if not folder.exists():
            self._make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(folder.parent)


class WorkStore:
    """Accepted rows, one encrypted Parquet file per aanlevering and generation.

    Each written block is sorted by `gemeentecode`, so that a reader who wants a few gemeenten skips most row groups.
    """

    def __init__(self, url: str, key: bytes) -> None:
        self._store = Store(url)
        self._crypto = pe.CryptoFactory(lambda _config: _OneKey(key))
        self._kms = pe.KmsConnectionConfig()

    @contextmanager
    def writer(self, aanlevering_nr: int, generation: int, schema: pa.Schema) -> Iterator[Rows]:
        """A writer for blocks; the file exists when the body ended well, or not at all."""
        encryption = pe.EncryptionConfiguration(footer_key="werk", uniform_encryption=True)
        with (
            self._store.target(_name(aanlevering_nr, generation)) as path,
            pq.ParquetWriter(
                path,
                schema,
                compression="zstd",
                use_dictionary=False,  # most columns differ from row to row: twice as fast without, and smaller
                encryption_properties=self._crypto.file_encryption_properties(self._kms, encryption),
            ) as writer,
        ):
            yield Rows(writer)

    def read(
        self, aanlevering_nr: int, generation: int, gemeenten: set[str] | None, columns: list[str] | None
    ) -> Iterator[pa.Table]:
        """Row group by row group, the rows of `gemeenten` (None: all); raises StoreFault when it cannot be trusted."""
        name = _name(aanlevering_nr, generation)
        try:
            with (
                self._store.local(name) as path,
                pq.ParquetFile(
                    path,
                    decryption_properties=self._crypto.file_decryption_properties(
                        self._kms, pe.DecryptionConfiguration()
                    ),
                ) as file,
            ):
                at = file.schema_arrow.get_field_index("gemeentecode")
                for group in range(file.num_row_groups):
                    statistics = file.metadata.row_group(group).column(at).statistics
                    if gemeenten is not None and not any(
                        statistics.min <= code <= statistics.max for code in gemeenten
                    ):
                        continue
                    yield _only(file.read_row_group(group, columns=columns), gemeenten)
        except (OSError, pa.ArrowException) as error:
            raise StoreFault(name, type(error).__name__) from None

    def remove(self, aanlevering_nr: int, generation: int) -> None:
        """Remove one generation."""
        self._store.remove(_name(aanlevering_nr, generation))

    def keep(self, aanlevering_nr: int, generation: int) -> None:
        """Remove every other generation: what workers left that were stopped before theirs was recorded."""
        for name in self._store.list(str(aanlevering_nr)):
            if name != _name(aanlevering_nr, generation):
                self._store.remove(name)


class Rows:
    """Takes blocks of accepted rows."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer

    def write(self, block: pa.Table) -> None:
        """Add a block; its columns must be those of the file's schema."""
        if block.num_rows:  # a row group without rows has no statistics to skip it by
            self._writer.write_table(block.sort_by("gemeentecode"), row_group_size=ROW_GROUP)


class _OneKey(pe.KmsClient):  # type: ignore[misc]  # pyarrow ships no types
    """Wraps Parquet's own data keys with the store's key (AES-256 key wrap, RFC 3394)."""

    def __init__(self, key: bytes) -> None:
        pe.KmsClient.__init__(self)
        self._key = key

    def wrap_key(self, key_bytes: bytes, _master_key: str) -> str:
        return base64.b64encode(aes_key_wrap_with_padding(self._key, key_bytes)).decode()

    def unwrap_key(self, wrapped_key: str, _master_key: str) -> bytes:
        try:
            return bytes(aes_key_unwrap_with_padding(self._key, base64.b64decode(wrapped_key)))
        except InvalidUnwrap:
            raise OSError("another key") from None


def _only(table: pa.Table, gemeenten: set[str] | None) -> pa.Table:
    if gemeenten is None:
        return table
    return table.filter(pc.is_in(table["gemeentecode"], value_set=pa.array(sorted(gemeenten), pa.string())))


def _name(aanlevering_nr: int, generation: int) -> str:
    return f"{aanlevering_nr}/{generation}.parquet"


def aanlevering_in(name: str) -> int | None:
    """Whose rows a file of the work store holds; None for the name of anything else."""
    number, _, generation = name.partition("/")
    return int(number) if number.isdigit() and generation.endswith(".parquet") else None


def _clear_abandoned(folder: Path, prefix: str) -> None:
    """Remove files of writers that were killed: the kernel ends a lock with its process, and the age says that no
    writer is between making the file and locking it, or between writing it and giving it its name."""
    for path in folder.glob(f"{prefix}*"):
        with suppress(OSError):  # just gone, or another user's
            if path.is_file() and time.time() - path.stat().st_mtime > ABANDONED:
                handle = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                finally:
                    os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
