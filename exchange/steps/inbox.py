"""What stands in the folders where a party drops its files, and which of it is meant for us."""

from __future__ import annotations

import logging
from datetime import date

from exchange.configuration import Configuration, Partij
from exchange.faults import FileFault, FolderMissing
from exchange.register.aanleveringen import Soort
from exchange.sentences import sentence
from exchange.sftp import Connection, RemoteFile
from exchange.steps import namens, proef

log = logging.getLogger(__name__)

IN, DONE = "in", "in/opgehaald"
#: Ending of the file that says that another is complete, where a partner's profile asks for one.
READY = ".gereed"
#: Longest name, in bytes, that still fits with our number before it, or an answer's kind behind it.
LONGEST_NAME = 200
#: Endings that clients give to a file that is still being written.
HALF = (".part", ".filepart", ".tmp", ".partial")

#: Files by kind and name.
Files = dict[tuple[Soort, str], RemoteFile]


def folders(soort: Soort) -> tuple[str, str]:
    """Where a party drops files of this kind, and where they go when we have them."""
    return (proef.IN, proef.DONE) if soort is Soort.PROEF else (IN, DONE)


def listing(config: Configuration, party: Partij, soort: Soort, day: date, connection: Connection) -> Files:
    """The files that we would take now, in the order of their names, of the first so many in each folder.

    Raises FolderMissing where a partner has no folder to drop in, FolderRefused where it may not be read.
    """
    found: Files = {}
    for one in soort.taken_along:
        listed = {file.name: file for file in _first(config, party, one, connection)}
        for name, file in sorted(listed.items()):
            complete = not name.endswith(READY) and f"{name}{READY}" in listed
            partner = namens.recorded(config, party, name.removesuffix(READY), day)
            if _whole(file) and (complete or not namens.waits(config, partner)):
                found[one, name] = file
    return found


def nameable(file: RemoteFile) -> bool:
    """Whether the name can stand in that of an answer."""
    return file.deugt and len(file.name.encode()) <= LONGEST_NAME


def _first(config: Configuration, party: Partij, soort: Soort, connection: Connection) -> list[RemoteFile]:
    """What stands in the folder for `soort`; that for a proef need not be there, and stops nothing."""
    folder, most = folders(soort)[0], config.intake.max_namen
    try:
        listed = connection.first(folder, most + 1)
    except FileFault as fault:
        if soort is not Soort.PROEF:
            raise
        log.warning("%s", sentence(fault))
        return []
    if listed is None and soort is Soort.SIGNALEN:
        raise FolderMissing(party.id, folder)
    if listed and len(listed) > most:
        log.warning("%s: in %s/ staan meer dan %d namen; de andere zien wij later", party.id, folder, most)
    return (listed or [])[:most]


def _whole(file: RemoteFile) -> bool:
    """Whether it is a whole file, whatever it is called: check answers a name that was not agreed."""
    return file.regular and not file.name.startswith(".") and not file.name.lower().endswith(HALF)
