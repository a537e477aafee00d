"""Signals as a partner's export would hold them: real gemeenten, Dutch names, recurring addresses, and wrong rows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from faker import Faker

from schemas.signaal import KOLOMMEN, VOORWAARDEN

#: Columns of the files that the sandbox drops; the conditions follow where the partner has no verklaring.
COLUMNS = tuple(
    name for name in KOLOMMEN if name not in (*VOORWAARDEN, "layout", "bedrag_euro", "geboortedatum", "telefoon_2")
)
#: Names, streets and towns to draw from: faker is slow, drawing is not.
POOL = 2_000
#: Share of the addresses of an exchange that partners draw from together, so that signals meet at one address.
SHARED = 0.25


class People:
    """Names and streets, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        fake = Faker("nl_NL")
        fake.seed_instance(seed)
        self.achternamen = np.array([_family_name(fake.last_name()) for _ in range(POOL)])
        self.voorletters = np.array([f"{fake.first_name()[0]}." for _ in range(POOL)])
        self.straten = np.array([fake.street_name() for _ in range(POOL)])
        self.plaatsen = np.array([fake.city() for _ in range(POOL)])


def _family_name(name: str) -> str:
    return name.split()[-1]


def signals(
    addresses: pa.Table, count: int, *, partner: str, sector: str, people: People, seed: int, day: date
) -> pa.Table:
    """`count` good rows (all text, COLUMNS and the conditions) at `addresses` (postcode, huisnummer, gemeentecode)."""
    rng = np.random.default_rng(seed)
    shared = max(1, int(addresses.num_rows * 0.05))
    common = rng.random(count) < SHARED
    at = np.where(common, rng.integers(0, shared, count), rng.integers(0, addresses.num_rows, count))
    place = addresses.take(pa.array(at))
    plaats = np.asarray(place["gemeentecode"]).astype(np.int64) % POOL
    soort = rng.choice(np.array(["VROEG", "EINDELEVERING", "WARME_OVERDRACHT"]), count, p=_kinds(sector))
    days = np.where(soort == "VROEG", rng.integers(32, 95, count), rng.integers(60, 200, count))
    peil = day - timedelta(days=1)
    energy = sector in ("Energie", "Water")
    warm = soort == "WARME_OVERDRACHT"
    columns: dict[str, object] = {
        "signaal_id": [f"{partner[:8].upper()}-{day:%y%m%d}-{number:07d}" for number in range(count)],
        "soort": soort,
        "sector": np.full(count, sector),
        "klantnummer": [f"K{number}" for number in rng.integers(10**6, 10**7, count)] if energy else [""] * count,
        "voorletters": people.voorletters[rng.integers(0, POOL, count)],
        "achternaam": people.achternamen[rng.integers(0, POOL, count)],
        "straat": people.straten[np.asarray(place["huisnummer"]) * 7 % POOL],
        "huisnummer": np.asarray(place["huisnummer"]).astype(str),
        "postcode": place["postcode"],
        "woonplaats": people.plaatsen[plaats],
        "gemeentecode": np.where(rng.random(count) < 0.5, np.asarray(place["gemeentecode"]), ""),
        "telefoon": np.where(rng.random(count) < 0.6, _phones(rng, count), ""),
        "bedrag_cent": rng.integers(5_000, 150_000, count).astype(str),
        "peildatum": np.full(count, peil.isoformat()),
        "oudste_vervaldatum": (np.datetime64(peil) - days).astype(str),
        "maanden_achterstand": (days // 30).astype(str) if sector == "Huur" else [""] * count,
        "gebeurtenis_datum": np.where(soort == "EINDELEVERING", (day + timedelta(days=60)).isoformat(), ""),
        "bedreigende_situatie": np.where(rng.random(count) < 0.005, "J", ""),
        "toestemming_datum": np.where(warm, peil.isoformat(), ""),
        "herinnering_datum": np.full(count, (day - timedelta(days=14)).isoformat()),
    }
    filled = {name: pa.array(columns[name], pa.string()) if name in columns else _empty(count) for name in COLUMNS}
    for name in VOORWAARDEN:
        filled[name] = pa.repeat(pa.scalar("J" if KOLOMMEN[name].voorwaarde else "N"), count)
    return pa.table(filled)


def _kinds(sector: str) -> list[float]:
    return {"Energie": [0.75, 0.25, 0.0], "Water": [0.98, 0.0, 0.02]}.get(sector, [1.0, 0.0, 0.0])


def _phones(rng: np.random.Generator, count: int) -> list[str]:
    return [f"06{number:08d}" for number in rng.integers(10**7, 10**8, count)]


def _empty(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(""), count)


#: How a row goes wrong, and the code that it comes back with.
WRONG: tuple[tuple[str, dict[str, str]], ...] = (
    ("E-VLD-01", {"achternaam": ""}),
    ("E-VLD-02", {"postcode": "12 AB"}),
    ("E-VLD-02", {"huisnummer": "twaalf"}),
    ("E-VLD-02", {"peildatum": "31-12-2025"}),
    ("E-VLD-03", {"soort": "VROGE"}),
    ("E-VLD-04", {"straat": "Postbus 12"}),
    ("E-VLD-05", {"postcode": "B-1000"}),
    ("E-VLD-06", {"herinnering_datum": "2099-01-01"}),
    ("E-VLD-08", {"bedrag_cent": "0"}),
    ("E-PRV-01", {"achternaam": "Jansen 111222333"}),
    ("E-ROU-01", {"postcode": "9999ZZ", "gemeentecode": ""}),
)


def spoil(rows: pa.Table, places: list[int], *, conditions: bool) -> tuple[pa.Table, dict[int, str]]:
    """Make the rows at `places` wrong, each in its own way; returns the rows and the expected code per place."""
    ways = (*WRONG, ("E-VWD-01", {"huidige_klant": "N"})) if conditions else WRONG
    columns = {name: rows[name].to_pylist() for name in rows.column_names}
    expected = {}
    for turn, place in enumerate(places):
        code, cells = ways[turn % len(ways)]
        for name, value in cells.items():
            columns[name][place] = value
        expected[place] = code
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), expected
