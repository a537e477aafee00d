"""What is wrong about one party stops that party, and nobody else; `config check` says all of it at once."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from exchange.configuration import load
from exchange.faults import ConfigurationFault
from exchange.sentences import stopped
from tests.keys import cheap
from tests.unit.test_configuration import (  # noqa: F401
    HEADER,
    HOSTKEY,
    PARTY,
    VERTALING,
    Keys,
    agreements,
    change,
    folder,
    keys,
)

MACHTIGINGEN = "gemachtigde;partner;vanaf;tot;bron\nkoepel;klein;2026-01-01;;brief 1\n"
REGELS = "regel;sector;gemeentecode;partner;van;tot;waarde;gevolg;bron\n"
DAY = date(2026, 11, 23)
Break = Callable[[Path], None]


@pytest.fixture
def whole(folder: Path) -> Path:  # noqa: F811
    """Partners woonzo, koepel and klein, uitvoerders zuid (0363), noord (0014) and oost (0344); all of it holds."""
    for id, kind, more in (
        ("koepel", "partners", 'sectoren = ["Huur"]'),
        ("klein", "partners", 'sectoren = ["Huur"]'),
        ("noord", "uitvoerders", 'gemeenten = [{ code = "0014", van = 2021-01-01 }]'),
        ("oost", "uitvoerders", 'gemeenten = [{ code = "0344", van = 2021-01-01 }]'),
    ):
        public, fingerprint = cheap(id)
        (folder / "keys" / f"{id}.asc").write_bytes(public)
        text = PARTY.format(id=id, hostkey=HOSTKEY, fingerprint=fingerprint)
        (folder / kind / f"{id}.toml").write_text(f"{more}\n{text}")
    agreements(
        folder, *(f"{id};{code};2021-01-01;;;N;" for id in ("woonzo", "koepel", "klein") for code in ("0363", "0014"))
    )
    (folder / "machtigingen.csv").write_text(MACHTIGINGEN)
    (folder / "regels.csv").write_text(REGELS)
    return folder


def add(file: str, text: str) -> Break:
    def act(root: Path) -> None:
        path = root / file
        path.write_text(path.read_text() + text)

    return act


def replaced(file: str, old: str, new: str) -> Break:
    return lambda root: change(root, file, old, new)


def key(content: bytes | str | None) -> Break:
    """Another content for the key file of koepel, or none."""

    def act(root: Path) -> None:
        path = root / "keys" / "koepel.asc"
        path.unlink()
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return act


def copied(kind: str, source: str, target: str) -> Break:
    """`target` gets what is in one table of `source`."""

    def line(path: Path) -> str:
        return next(one for one in path.read_text().splitlines() if one.startswith(f"{kind} = "))

    def act(root: Path) -> None:
        path = root / target
        path.write_text(path.read_text().replace(line(path), line(root / source)))

    return act


def together(*acts: Break) -> Break:
    def act(root: Path) -> None:
        for one in acts:
            one(root)

    return act


def shared_id(root: Path) -> None:
    """A partner comes that is called as an uitvoerder, with everything else of its own."""
    public, fingerprint = cheap("nog een")
    (root / "keys" / "nieuw.asc").write_bytes(public)
    text = PARTY.format(id="noord", hostkey=HOSTKEY, fingerprint=fingerprint)
    text = text.replace("keys/noord", "keys/nieuw").replace("sftp.noord", "sftp.nieuw")
    (root / "partners" / "noord.toml").write_text(f'sectoren = ["Huur"]\n{text}')


PACKET = bytes([0xC6, 10, 6]) + b"\x63\x87\x7f\xe3\x1b\0\0\0\x20"
V6 = PACKET, f"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n{b64encode(PACKET * 3).decode()}\n"
NONSENSE = b64encode(b"\0\0\0\7ssh-rsa" + b"\0\0\0\1\1" * 2).decode()
KOEPEL, NOORD, ZUID = "partners/koepel.toml", "uitvoerders/noord.toml", "uitvoerders/zuid.toml"
SECTOR = 'sectoren = ["Huur"]'
KINDS: dict[str, tuple[Break, set[str], str]] = {
    "TOML that does not parse": (add(KOEPEL, "["), {"koepel"}, "geen geldig TOML"),
    "TOML without end": (add(KOEPEL, "x = " + "[" * 9999), {"koepel"}, "geen geldig TOML"),
    "not UTF-8": (lambda root: (root / KOEPEL).write_bytes(b"\xff"), {"koepel"}, "geen UTF-8"),
    "a folder": (lambda root: (root / "partners" / "map.toml").mkdir(), {"map"}, "niet leesbaar"),
    "a wrong value": (replaced(KOEPEL, "poort = 22", "poort = 0"), {"koepel"}, "getal is te klein"),
    "an uitvoerder's wrong value": (replaced(NOORD, "poort = 22", "poort = 0"), {"noord"}, "getal is te klein"),
    "another id": (replaced(KOEPEL, '"koepel"', '"koepels"'), {"koepel", "koepels"}, "bestandsnaam"),
    "another's id": (replaced(KOEPEL, '"koepel"', '"woonzo"'), {"koepel"}, "bestandsnaam"),
    "an uitvoerder's id": (shared_id, {"noord"}, "ook een partner heet noord"),
    "vertaling": (add(KOEPEL, VERTALING.replace('"Kenmerk"', '"BSN"')), {"koepel"}, "burgerservicenummer"),
    "host key": (replaced(KOEPEL, "AAAAC3", "AAAA"), {"koepel"}, "hostsleutel"),
    "host key of nonsense": (
        replaced(KOEPEL, HOSTKEY, f"ssh-rsa {NONSENSE}"),
        {"koepel"},
        "hostsleutel",
    ),
    "no key file": (key(None), {"koepel"}, "bestaat niet"),
    "a name too long": (replaced(KOEPEL, "keys/koepel", "k" * 300), {"koepel"}, "bestaat niet"),
    "no key": (key("tekst\n"), {"koepel"}, "geen OpenPGP-sleutel"),
    "an endless key": (key(b"x" * 1_000_001), {"koepel"}, "groter dan"),
    "version 6": (key(V6[0]), {"koepel"}, "van versie 6, een nieuwere vorm die GnuPG 2.2 niet kan lezen"),
    "version 6 in armour": (key(V6[1]), {"koepel"}, "van versie 6"),
    "another's key": (key(cheap("vreemd")[0]), {"koepel"}, "niet in vingerafdrukken"),
    "no more than a key": (
        lambda root: (root / "keys" / "koepel.asc").write_bytes((root / "keys" / "koepel.asc").read_bytes()[:53]),
        {"koepel"},
        "zonder naam die met haarzelf is bekrachtigd",
    ),
    "a shared key": (copied("pgp", "partners/klein.toml", NOORD), {"klein", "noord"}, "staat ook in partners/klein"),
    "a shared account": (copied("sftp", "partners/klein.toml", NOORD), {"klein", "noord"}, "is, met deze map, ook dat"),
    "an overeenkomst": (add("overeenkomsten.csv", "koepel;9999;2021-01-01;;;N;\n"), {"koepel"}, "9999 bestaat niet"),
    "an overlap": (add("overeenkomsten.csv", "koepel;0363;2022-01-01;;;N;\n"), {"koepel"}, "overlapt"),
    "a line cut short": (add("overeenkomsten.csv", "koepel;0363;2022-01-01\n"), {"koepel"}, "3 velden"),
    "a stranger's overeenkomst": (add("overeenkomsten.csv", "ander;0363;2022-01-01;;;N;\n"), set(), "kennen wij niet"),
    "a machtiging": (replaced("machtigingen.csv", "brief 1", ""), {"klein"}, "bron is leeg"),
    "a stranger's machtiging": (add("machtigingen.csv", "koepel;ander;2026-01-01;;x\n"), set(), "kennen wij niet"),
    "a machtiging cut short": (add("machtigingen.csv", "koepel;woonzo;2026-01-01\n"), {"woonzo"}, "3 velden"),
    "names that are alike": (
        replaced("partners/klein.toml", SECTOR, f"{SECTOR}\nnaampatroon = '.+'\nnaamvoorbeeld = 'x'"),
        {"klein", "koepel"},
        "niet te zien of het van koepel of van klein is",
    ),
    "a rule": (add("regels.csv", "drempel_euro;;0363;koepel;2026-01-01;;50;;x\n"), {"koepel"}, "geen bedrag"),
    "a rule without overeenkomst": (
        add("regels.csv", "drempel_euro;;0344;koepel;2026-01-01;;50,00;;x\n"),
        {"koepel"},
        "geen overeenkomst",
    ),
    "a gap between rules": (
        add("regels.csv", "".join(f"drempel_euro;;0363;koepel;{day};;50,00;;x\n" for day in ("2026-01-01",) * 2)),
        {"koepel"},
        "overlapt",
    ),
    "no such gemeente": (replaced(NOORD, '"0014"', '"0014", van = 2021-01-01 }, { code = "9999"'), {"noord"}, "9999"),
    "two uitvoerders": (
        replaced(NOORD, '"0014"', '"0014", van = 2021-01-01 }, { code = "0363"'),
        {"noord", "zuid"},
        "twee uitvoerders",
    ),
    "nobody serves it": (replaced(NOORD, '"0014"', '"0037"'), set(), "geen uitvoerder"),
    "a sector without designation": (replaced(KOEPEL, '"Huur"', '"DUO"'), {"koepel"}, "niet aangewezen voor DUO"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_of_one_party_stops_that_party(whole: Path, kind: str) -> None:
    act, stops, said = KINDS[kind]
    act(whole)

    config = load(whole)

    assert set(config.stilgezet) == stops
    assert said in " ".join(one.problem for one in config.problemen)
    assert all(one.mend for one in config.problemen)
    everybody = {"woonzo", "koepel", "klein", "zuid", "noord", "oost"}
    assert {*config.partners, *config.uitvoerders} == everybody - stops


def test_whoever_is_stopped_is_called_so_with_where_to_read_why(whole: Path) -> None:
    together(key("tekst\n"), add("overeenkomsten.csv", "koepel;9999;2021-01-01;;;N;\n"))(whole)

    config = load(whole)

    with pytest.raises(ConfigurationFault) as caught:
        config.partij("koepel")
    [problem] = caught.value.problems
    assert problem.problem == "deze partij is stilgezet: 2 fouten"
    assert "nachtpost config check" in problem.mend
    assert (config.stilgezet["koepel"].soort, config.namen["koepel"]) == ("partner", "Naam van koepel")
    assert stopped(config.problemen) == ["koepel (2 fouten)"]


def test_everything_that_is_wrong_is_said_when_something_of_it_concerns_everybody(whole: Path) -> None:
    together(key("tekst\n"), replaced("nachtpost.toml", "naam =", "nam ="))(whole)

    with pytest.raises(ConfigurationFault) as caught:
        load(whole)

    assert {(one.file, one.partijen) for one in caught.value.problems} == {
        ("nachtpost.toml", None),
        (KOEPEL, ("koepel",)),
    }


@pytest.mark.parametrize(
    "act",
    [
        replaced("overeenkomsten.csv", "partner;", "partij;"),
        replaced("machtigingen.csv", "partner;", "partij;"),
        replaced("regels.csv", "partner;", "partij;"),
        add("regels.csv", "drempel_euro;;0363;;2026-01-01;;50;;x\n"),
        add("regels.csv", "drempel_euro;;0363;2026-01-01\n"),
        lambda root: (root / "keys" / "exchange_ed25519").write_text("tekst"),
    ],
)
def test_what_cannot_be_placed_at_a_party_stops_everybody(whole: Path, act: Break) -> None:
    act(whole)

    with pytest.raises(ConfigurationFault) as caught:
        load(whole)

    assert [one.partijen for one in caught.value.problems] == [None]


@pytest.mark.parametrize("name", ["opslag.key", "hash-1.key"])
@pytest.mark.parametrize("content", [bytes(32), b"\xff" * 32, b"geheim!!" * 4, b"\x01\x80\xfe\x7f" * 8])
def test_a_key_that_can_be_guessed_is_refused(whole: Path, name: str, content: bytes) -> None:
    (whole / "keys" / name).write_text(b64encode(content).decode())

    with pytest.raises(ConfigurationFault, match="te raden"):
        load(whole)


def test_who_serves_what_does_not_change_by_what_stops_an_uitvoerder(whole: Path) -> None:
    (whole / "keys" / "noord.asc").unlink()

    config = load(whole)

    assert (config.uitvoerder_of("0014", DAY, "Huur"), config.bediening_bekend) == ("noord", True)
    assert config.bediening_of("0014", DAY, "Huur") is not None
    assert "noord" not in config.uitvoerders


def test_a_file_of_an_uitvoerder_that_cannot_be_read_makes_no_gaps(whole: Path) -> None:
    add(NOORD, "[")(whole)

    config = load(whole)

    assert {one.file for one in config.problemen} == {NOORD}
    assert (config.uitvoerder_of("0014", DAY, "Huur"), config.bediening_bekend) == (None, False)


@pytest.mark.parametrize(
    ("own", "other", "stops"),
    [
        ({}, {}, True),
        ({"host": "SFTP.Elders.Example."}, {}, True),
        ({"map": "/data/"}, {"map": "data"}, True),
        ({"map": "a//b/."}, {"map": "a/b"}, True),
        ({"poort": 2222}, {}, False),
        ({"gebruiker": "ander"}, {}, False),
        ({"map": "noord"}, {"map": "oost"}, False),
        ({"map": "noord"}, {}, False),  # a provider's root, and a folder in it
        ({"map": "uit/noord"}, {}, True),
        ({"map": "in"}, {"map": "/"}, True),
        ({"map": "a/terugmelding/b"}, {"map": "a"}, True),
        ({"map": "uitvoerder"}, {}, False),
        ({"verbinding": "x"}, {}, False),
        ({"verbinding": "x"}, {"verbinding": "X"}, True),
        ({"verbinding": "x", "map": "a"}, {"verbinding": "x", "map": "b"}, False),
    ],
)
def test_one_account_is_of_one_party(whole: Path, own: dict[str, str], other: dict[str, str], stops: bool) -> None:
    for file, given in ((NOORD, own), ("uitvoerders/oost.toml", other)):
        place = {} if "verbinding" in given else {"host": "sftp.elders.example", "gebruiker": "wij"}
        table = ", ".join(f"{name} = {value!r}" for name, value in (place | given).items())
        lines = [one for one in (whole / file).read_text().splitlines() if not one.startswith("sftp")]
        (whole / file).write_text("\n".join([*lines, f"sftp = {{ {table}, hostkeys = ['{HOSTKEY}'] }}"]))

    config = load(whole)

    assert set(config.stilgezet) == ({"noord", "oost"} if stops else set())


def test_our_own_key_is_no_partys(whole: Path, keys: Keys) -> None:  # noqa: F811
    own = (whole / "nachtpost.toml").read_text().partition('pgp_vingerafdruk = "')[2][:40]
    text = (whole / KOEPEL).read_text()
    (whole / KOEPEL).write_text(text.replace(text.partition('vingerafdrukken = ["')[2][:40], own))
    (whole / "keys" / "koepel.asc").write_text(keys.public["exchange"])

    config = load(whole)

    assert set(config.stilgezet) == {"koepel"}
    assert "is onze eigen sleutel" in config.problemen[0].problem
