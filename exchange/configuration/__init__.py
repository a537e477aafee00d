"""The configuration folder: nachtpost.toml, partners/*.toml, uitvoerders/*.toml, overeenkomsten.csv,
machtigingen.csv and keys/."""

from exchange.configuration.levering import Levering
from exchange.configuration.load import load
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
from exchange.configuration.whole import Configuration, Stilgezet

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
    "Stilgezet",
    "Uitvoerder",
    "Verbinding",
    "Verklaring",
    "Vertegenwoordigde",
    "load",
]
