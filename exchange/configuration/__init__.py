"""The configuration folder: nachtpost.toml, partners/*.toml, uitvoerders/*.toml, overeenkomsten.csv,
machtigingen.csv and keys/."""

from exchange.configuration.levering import Levering
from exchange.configuration.load import Configuration, load
from exchange.configuration.models import (
    Bediening,
    Melder,
    Partij,
    Partner,
    Pgp,
    Profiel,
    Sftp,
    Uitvoerder,
    Verbinding,
    Verklaring,
    Vertegenwoordigde,
)

__all__ = [
    "Bediening",
    "Configuration",
    "Levering",
    "Melder",
    "Partij",
    "Partner",
    "Pgp",
    "Profiel",
    "Sftp",
    "Uitvoerder",
    "Verbinding",
    "Verklaring",
    "Vertegenwoordigde",
    "load",
]
