"""The configuration folder: nachtpost.toml, partners/*.toml, uitvoerders/*.toml, overeenkomsten.csv and keys/."""

from exchange.configuration.levering import Levering
from exchange.configuration.load import Configuration, load
from exchange.configuration.models import (
    Bediening,
    Partij,
    Partner,
    Pgp,
    Profiel,
    Sftp,
    Uitvoerder,
    Verbinding,
    Verklaring,
)

__all__ = [
    "Bediening",
    "Configuration",
    "Levering",
    "Partij",
    "Partner",
    "Pgp",
    "Profiel",
    "Sftp",
    "Uitvoerder",
    "Verbinding",
    "Verklaring",
    "load",
]
