"""What stands in the folders where a party drops its files, and which of it is meant for us."""

from __future__ import annotations

import logging
from datetime import date

from exchange.configuration import Configuration, Partij
from exchange.faults import FolderMissing, FolderRefused
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

#: What stands in those folders and is none of a party's files, though it might be one.
OURS = (DONE, proef.DONE)

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
    dropped = _dropped(config, party, soort, connection)
    for one in soort.taken_along:
        listed = {file.name: file for file in (dropped if one is soort else _proeven(config, connection, dropped))}
        for name, file in sorted(listed.items()):
            complete = not name.endswith(READY) and f"{name}{READY}" in listed
            meant = name.removesuffix(READY)
            if f"{folders(one)[0]}/{name}" in OURS:
                continue
            if namens.may_be_stopped(config, party, meant, day):
                continue
            partner = namens.recorded(config, party, meant, day)
            if _whole(file) and (complete or not namens.waits(config, partner)):
                found[one, name] = file
    return found


def nameable(file: RemoteFile) -> bool:
    """Whether the name can stand in that of an answer."""
    return file.deugt and len(file.name.encode()) <= LONGEST_NAME


def _dropped(config: Configuration, party: Partij, soort: Soort, connection: Connection) -> list[RemoteFile]:
    most = config.intake.max_namen
    try:
        found = connection.first(IN, most + 1)
    except FolderRefused:
        if connection.has_folder(IN):
            raise
        if soort is Soort.TERUGKOPPELING:  # an uitvoerder need not send any
            return []
        raise FolderMissing(party.id, IN) from None
    if len(found) > most:
        log.warning("%s: in %s/ staan meer dan %d namen; de andere zien wij later", party.id, IN, most)
    return found


def _proeven(config: Configuration, connection: Connection, dropped: list[RemoteFile]) -> list[RemoteFile]:
    """What stands in the folder for a proef, which need not be there, and stops nothing."""
    most = config.intake.max_namen
    named = any(f"{IN}/{file.name}" == proef.IN and not file.regular for file in dropped)
    if named or len(dropped) > most:  # else it was seen that there is none
        try:
            return connection.first(proef.IN, most)
        except FolderRefused as fault:
            if named:
                log.warning("%s", sentence(fault))
    return []


def _whole(file: RemoteFile) -> bool:
    """Whether it is a whole file, whatever it is called: check answers a name that was not agreed."""
    return file.regular and not file.name.startswith(".") and not file.name.lower().endswith(HALF)
