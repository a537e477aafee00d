"""The obvious Python: paramiko as it comes, read_csv, pandera, groupby().to_csv, python-gnupg one by one."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import gnupg
import pandas as pd
import pandera.pandas as pandera
import paramiko

from benchmarks.timing import step, tell

SCHEMA = pandera.DataFrameSchema(
    {
        "signaal_id": pandera.Column(str, pandera.Check.str_matches(r"^[A-Za-z0-9._/-]{1,40}$")),
        "soort": pandera.Column(str, pandera.Check.isin(["VROEG", "EINDELEVERING", "WARME_OVERDRACHT"])),
        "achternaam": pandera.Column(str, pandera.Check.str_length(min_value=1)),
        "huisnummer": pandera.Column(str, pandera.Check.str_matches(r"^[1-9][0-9]{0,4}$")),
        "postcode": pandera.Column(str, pandera.Check.str_matches(r"^[1-9][0-9]{3}[A-Z]{2}$")),
        "bedrag_cent": pandera.Column(str, pandera.Check.str_matches(r"^[0-9]+$")),
        "peildatum": pandera.Column(str, pandera.Check.str_matches(r"^\d{4}-\d{2}-\d{2}$")),
    }
)


def main(folder: Path) -> None:
    """The same files in, 342 encrypted files out."""
    work = folder / "var" / "obvious"
    work.mkdir(parents=True)
    sources = sorted((folder / "sftp").glob("*/in/*.pgp"))
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        "127.0.0.1",
        int((folder / "server" / "port").read_text()),
        key_filename=str(folder / "config" / "keys" / "exchange_ed25519"),
    )
    with client, client.open_sftp() as remote, tempfile.TemporaryDirectory(prefix="np") as home:
        gpg = gnupg.GPG(gnupghome=home)
        for key in (folder / "config" / "keys").glob("*.asc"):
            gpg.import_keys_file(str(key))
        with step("get"):
            for source in sources:
                remote.get(str(source), str(work / source.name))
        with step("decrypt"):
            for source in sources:
                with (work / source.name).open("rb") as file:
                    assert gpg.decrypt_file(file, output=str(work / f"{source.name}.csv")).ok
        with step("parse and check"):
            frames = [pd.read_csv(work / f"{s.name}.csv", sep=";", dtype=str, keep_default_na=False) for s in sources]
            frame = SCHEMA.validate(pd.concat(frames), lazy=True)
        with step("split"):
            for part, rows in frame.groupby(frame["postcode"].str[:4].astype(int) % 342):
                rows.to_csv(work / f"out-{part}.csv", sep=";", index=False)
        parts = sorted(work.glob("out-*.csv"))
        own = gpg.list_keys(secret=True)[0]["fingerprint"]
        with step("encrypt"):
            for path in parts:
                with path.open("rb") as file:
                    made = gpg.encrypt_file(
                        file, "uitvoerder-01@example.nl", sign=own, always_trust=True, output=f"{path}.pgp"
                    )
                assert made.ok
        with step("put"):
            for path in parts:
                remote.put(f"{path}.pgp", f"{folder}/sftp/uitvoerder-01/uit/{path.name}.pgp")
    tell()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
