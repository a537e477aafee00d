"""The bare tools, no checks at all: sftp get, gpg -d, polars read and split, gpg -se (two at a time), sftp put."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from benchmarks.timing import step, tell


def gpg(home: str, *arguments: str) -> None:
    """Plain gpg, quiet."""
    command = ["gpg", "--homedir", home, "--batch", "--quiet", "--yes", "--trust-model", "always"]
    subprocess.run([*command, *arguments], check=True, capture_output=True)


def sftp(folder: Path, lines: list[str]) -> None:
    """OpenSSH's own client, one session for all files."""
    known = next((folder / "parties").iterdir()) / "known_hosts"
    port = (folder / "server" / "port").read_text()
    key = folder / "config" / "keys" / "exchange_ed25519"
    options = ["-q", "-b", "-", "-P", port, "-i", str(key), f"-oUserKnownHostsFile={known}", "-oIdentitiesOnly=yes"]
    subprocess.run(["sftp", *options, "127.0.0.1"], input="\n".join(lines).encode(), check=True, capture_output=True)


def main(folder: Path) -> None:
    """The same files in, 342 encrypted files out."""
    work = folder / "var" / "bare"
    work.mkdir(parents=True)
    sources = sorted((folder / "sftp").glob("*/in/*.pgp"))
    with tempfile.TemporaryDirectory(prefix="np") as home:
        # two decrypts at a time through one agent say "No secret key" without this
        (Path(home) / "gpg-agent.conf").write_text("auto-expand-secmem 0x1000000\n")
        keys = [str(path) for path in (folder / "config" / "keys").glob("*.asc")]
        gpg(home, "--import", *keys)
        recipient = "uitvoerder-01@example.nl"
        with step("get"):
            sftp(folder, [f"get {source} {work}/{source.name}" for source in sources])
        with step("decrypt"), ThreadPoolExecutor(2) as pool:
            names = [work / source.name for source in sources]
            list(pool.map(lambda path: gpg(home, "-o", f"{path}.csv", "-d", str(path)), names))
        with step("parse and split"):
            frame = pl.concat(
                [
                    pl.read_csv(f"{path}.csv", separator=";", infer_schema=False).select(
                        "signaal_id", "soort", "sector", "klantnummer", "voorletters", "achternaam", "straat",
                        "huisnummer", "postcode", "woonplaats", "telefoon", "bedrag_cent", "peildatum",
                        "oudste_vervaldatum", "maanden_achterstand", "herinnering_datum",
                    )
                    for path in names
                ]
            )  # fmt: skip
            frame = frame.with_columns((pl.col("postcode").str.slice(0, 4).cast(pl.Int32) % 342).alias("deel"))
            for (part,), rows in frame.partition_by("deel", as_dict=True, include_key=False).items():
                rows.write_csv(work / f"out-{part}.csv", separator=";")
        parts = sorted(work.glob("out-*.csv"))
        with step("encrypt"), ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda path: gpg(home, "-r", recipient, "-se", "-o", f"{path}.pgp", str(path)), parts))
        with step("put"):
            target = folder / "sftp" / "uitvoerder-01" / "uit"
            sftp(folder, [f"put {path}.pgp {target}/{path.name}.pgp" for path in parts])
    tell()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
