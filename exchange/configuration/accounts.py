"""An account is of one party: what we put in it, its party reads, and what we find in it, its party sent."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping

from exchange.configuration.models import Partij, Verbinding
from exchange.faults import Problem

#: Folders of an account in which files are exchanged.
FOLDERS = ("in", "uit", "terugmelding")


def check_shared(parties: Mapping[str, Partij]) -> Iterator[Problem]:
    """No two parties have one account, nor has one its folder inside those in which another's files are exchanged;
    `parties` by configuration file.

    Beside each other, or elsewhere inside the other's, folders of one login may lie: a provider may keep it so.
    """
    logins: dict[tuple[object, ...], dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for file, party in parties.items():
        logins[_login(party)][_folder(party)].append(file)
    for folders in logins.values():
        for folder, files in folders.items():
            ids = tuple(dict.fromkeys(parties[file].id for file in files))
            if len(files) > 1:
                said = f"dit account is, met deze map, ook dat in {', '.join(files[:-1])}"
                yield Problem(files[-1], "sftp", said, _MEND, ids)
            for depth in range(len(folder)):
                for outer in folders.get(folder[:depth], ()) if folder[depth] in FOLDERS else ():
                    other = parties[outer].id
                    said = f"deze map ligt in die waarin {other} bestanden uitwisselt, op hetzelfde account"
                    yield Problem(files[-1], "sftp.map", said, _MEND, (other, *ids))


_MEND = "Vraag de partijen na welk account en welke map van wie zijn: zo zou de een lezen wat voor de ander is."


def _login(party: Partij) -> tuple[object, ...]:
    """What is the same for two parties that log in to the same place."""
    if isinstance(party.sftp, Verbinding):
        return (party.sftp.verbinding.casefold(),)
    return party.sftp.host.casefold().rstrip("."), party.sftp.poort, party.sftp.gebruiker


def _folder(party: Partij) -> tuple[str, ...]:
    """Its parts. Whether it is written from the root or from where a login begins: that is mostly the same place."""
    path = posixpath.normpath(f"/{party.sftp.map}").strip("/")
    return tuple(path.split("/")) if path else ()
