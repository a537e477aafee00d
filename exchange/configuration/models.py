"""What the configuration folder holds, as frozen models. A wrong value raises a Dutch problem with its mend.

All dates are Amsterdam dates and all periods are closed: `tot` is the last day, None means open.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from base64 import b64decode
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exchange.configuration.base import Model, wrong
from exchange.configuration.levering import Levering
from exchange.configuration.vertaling import Vertaling
from exchange.faults import ConfigurationFault, Problem
from schemas import gemeenten
from schemas.codelijsten import SIGNAALPARTNER, SOORT, Codelijst
from transforms import dates
from transforms.names import Naamvorm
from transforms.profile import SIG1, Profile

#: The conditions for reporting (Besluit gemeentelijke schuldhulpverlening art. 2) that a verklaring may stand for.
VOORWAARDE = Codelijst(
    "voorwaarden",
    (
        "contactpoging_gedaan",
        "gewezen_op_schuldhulp",
        "aanbod_gegevensdeling",
        "natuurlijk_persoon",
        "huidige_klant",
        "bezwaar_gegevensdeling",
        "betalingsregeling_nagekomen",
    ),
)


def one_of(codelijst: Codelijst) -> BeforeValidator:
    """A value of a code list, in the list's exact spelling."""

    def check(value: object) -> object:
        if value in codelijst.waarden:
            return value
        mend = f"Bedoelde u {codelijst.nearest(str(value))}? Gebruik precies die schrijfwijze."
        raise wrong(f"deze waarde staat niet in de lijst {codelijst.naam}", mend)

    return BeforeValidator(check)


def _fingerprint(value: str) -> str:
    plain = value.replace(" ", "").upper()
    if not re.fullmatch(r"[0-9A-F]{40}", plain):
        raise wrong("dit is geen vingerafdruk", "Geef de 40 hexadecimale tekens van de primaire sleutel.")
    return plain


def _host_key(value: str) -> str:
    from paramiko import PKey, SSHException  # slow to import, and only needed where a configuration is read
    from paramiko.pkey import UnknownKeyType

    mend = "Neem de regel over van `ssh-keyscan HOST`, zonder de hostnaam: `ssh-ed25519 AAAA…`."
    parts = value.split()
    try:
        PKey.from_type_string(parts[0], b64decode(parts[1], validate=True))
    except (IndexError, ValueError, OverflowError, SSHException, UnknownKeyType) as error:
        weak = " (ssh-dss is te zwak en wordt niet meer gebruikt)" if parts[:1] == ["ssh-dss"] else ""
        raise wrong(f"dit is geen bruikbare hostsleutel{weak}", mend) from error
    return value


def _remote_folder(value: str) -> str:
    if ".." in value.split("/"):
        raise wrong("de map mag geen `..` bevatten", "Geef het pad vanaf de map waarin wij na het inloggen staan.")
    return value if value == "/" else value.rstrip("/")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise wrong(f"dit is geen reguliere expressie ({error.msg})", "Verbeter het patroon.") from error
    return value


PartyId = Annotated[str, Field(pattern=r"^[a-z0-9-]{2,20}$")]
Gemeentecode = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Sector = Annotated[str, one_of(SIGNAALPARTNER)]
Soort = Annotated[str, one_of(SOORT)]
Text = Annotated[str, Field(min_length=1)]


class _Period(Model):
    """Both days included."""

    van: date
    tot: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.tot is not None and self.tot < self.van:
            raise wrong("tot ligt vóór van", "tot is de laatste dag: die valt op of na van, of laat tot weg.")
        return self

    def holds(self, day: date) -> bool:
        """Whether `day` lies in the period."""
        return self.van <= day and (self.tot is None or day <= self.tot)


class _Account(Model):
    """The account of a party; the exchange logs in to the same one, with its own key and pinned host keys."""

    hostkeys: Annotated[tuple[Annotated[str, AfterValidator(_host_key)], ...], Field(min_length=1)]
    map: Annotated[str, AfterValidator(_remote_folder)] = ""


class Sftp(_Account):
    """An account that the party's file describes."""

    host: Text
    poort: Annotated[int, Field(ge=1, le=65535)] = 22
    gebruiker: Text


class Verbinding(_Account):
    """An account whose host, port and login stand in an Airflow connection, which is asked for at first use.

    Host keys stay with the party: whoever may edit connections must not be able to send its files elsewhere.
    """

    verbinding: Text

    @model_validator(mode="before")
    @classmethod
    def _one_place(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.keys() & {"host", "poort", "gebruiker"}:
            raise wrong(
                "naast verbinding staan host, poort of gebruiker", "Laat die weg: zij komen uit Airflow; of verbinding."
            )
        return given

    @property
    def host(self) -> str:
        """Raises ConfigurationFault, as the other two, where Airflow does not give the connection."""
        return str(self.asked.host)

    @property
    def poort(self) -> int:
        """22 where the connection names none."""
        return int(self.asked.port or 22)

    @property
    def gebruiker(self) -> str:
        """The login of the connection."""
        return str(self.asked.login)

    @cached_property
    def asked(self) -> Any:
        """The connection, from a task's Airflow or from the environment (AIRFLOW_CONN_…)."""
        try:
            from airflow.sdk import Connection  # slow to import, and only needed here
            from airflow.sdk.exceptions import AirflowException

            with contextlib.suppress(AirflowException):
                found = Connection.get(self.verbinding)
                if found.host and found.login:
                    return found
        except ImportError:
            pass
        mend = (
            "Maak in Airflow een verbinding met dit id, met Host en Login. Op de opdrachtregel is er geen Airflow: "
            f"zet haar dan in de omgeving, AIRFLOW_CONN_{self.verbinding.upper()}=sftp://gebruiker@host:22."
        )
        problem = f"verbinding {self.verbinding} is hier niet bekend of niet volledig"
        raise ConfigurationFault([Problem("Airflow", "sftp.verbinding", problem, mend)])


def _kind_of_account(given: object) -> str:
    named = isinstance(given, Verbinding) or (isinstance(given, dict) and "verbinding" in given)
    return VERBINDING if named else ACCOUNT


#: Names of the two kinds inside pydantic's errors.
ACCOUNT, VERBINDING = "(account)", "(verbinding)"
Endpoint = Annotated[
    Annotated[Sftp, Tag(ACCOUNT)] | Annotated[Verbinding, Tag(VERBINDING)], Discriminator(_kind_of_account)
]


class Pgp(Model):
    """A party's public keys and the primary fingerprints it registered with us."""

    bestand: Text
    vingerafdrukken: Annotated[tuple[Fingerprint, ...], Field(min_length=1)]


class Verklaring(_Period):
    """A dated declaration that stands in for condition columns."""

    kolommen: Annotated[tuple[Annotated[str, one_of(VOORWAARDE)], ...], Field(min_length=1)] = VOORWAARDE.waarden


class Profiel(Model):
    """How a partner's files look and for whom it reports: enough to read one."""

    id: PartyId
    sectoren: Annotated[tuple[Sector, ...], Field(min_length=1)]
    label: str | None = None
    codering: Literal["utf-8", "windows-1252"] = "utf-8"
    scheidingsteken: Literal[";", ",", "\t", "|"] = ";"
    onbekende_kolommen: Literal["weigeren", "negeren"] = "weigeren"
    naampatroon: Annotated[str, AfterValidator(_pattern)] | None = None
    naamvoorbeeld: Annotated[str | None, Field(validate_default=True)] = None
    klantnummer_bsn_controle: bool = True
    overgangsdatum: date | None = None
    verklaring: Verklaring | None = None
    vertaling: Vertaling | None = None
    #: stand: every file is the whole list; a known signal that changed is an update, absence says nothing.
    aanlevering: Literal["nieuw", "stand"] = "nieuw"
    #: A file counts when <name>.gereed stands beside it.
    gereedbestand: bool = False

    @property
    def profile(self) -> Profile:
        """How the partner writes; SIG1 where nothing has to be translated."""
        return self.vertaling.profile if self.vertaling else SIG1

    @field_validator("naamvoorbeeld")
    @classmethod
    def _fits(cls, value: str | None, info: ValidationInfo) -> str | None:
        patroon = info.data.get("naampatroon")
        if patroon and not re.fullmatch(patroon, value or ""):
            mend = "Geef bij naampatroon een naam die past: de partner leest hem als een bestandsnaam niet klopt."
            raise wrong("dit is geen naam volgens naampatroon", mend)
        return value


class Melder(Profiel):
    """A vaste-lastenpartner: its profile and its name."""

    naam: Text

    @property
    def naam_van_bestanden(self) -> Naamvorm:
        """By which its files are known, whichever account delivers them."""
        return Naamvorm(self.id, self.naampatroon, self.naamvoorbeeld)


class Partner(Melder):
    """A partner with an account of its own: where and with which keys files are exchanged."""

    sftp: Endpoint
    pgp: Pgp


class Vertegenwoordigde(Melder):
    """A partner without an account: others deliver for it (machtigingen.csv), and one of them hears what became of its
    signals."""

    terugmelding_aan: PartyId

    @model_validator(mode="before")
    @classmethod
    def _no_account(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.keys() & {"sftp", "pgp"}:
            raise wrong(
                "naast terugmelding_aan staat een eigen account",
                "Laat [sftp] en [pgp] weg, of terugmelding_aan: wie een account heeft, krijgt het antwoord daar.",
            )
        return given


class Bediening(_Period):
    """An uitvoerder serves a gemeente in a period: for one sector, or for all (`sector` None). That ends when the
    gemeente ends, whatever `tot` says.

    herhaalde_meldingen: whether the gemeente wants those (DDAS: same partner, amount not higher) as any other signal,
    marked in the batch, or not at all.
    """

    code: Gemeentecode
    sector: Sector | None = None
    herhaalde_meldingen: Literal["ontvangen", "markeren", "niet_ontvangen"] = "markeren"

    @property
    def last_day(self) -> date:
        """The last day on which there is something to serve; date.max where it is open."""
        return min(self.tot or date.max, gemeenten.last_day(self.code))

    def holds(self, day: date) -> bool:
        """Whether the gemeente is served on `day`."""
        return self.van <= day <= self.last_day


class Uitvoerder(Model):
    """Who approaches the inwoners of its gemeenten."""

    #: Terugkoppeling has one form (TK1), where a partner's files have a profile.
    scheidingsteken: ClassVar[str] = ";"
    codering: ClassVar[str] = "utf-8"
    profile: ClassVar[Profile] = SIG1

    id: PartyId
    naam: Text
    sftp: Endpoint
    pgp: Pgp
    urgent_soorten: tuple[Soort, ...] = ()
    spoed_direct: bool = False  # what is urgent goes out at the next intake, not in the night
    levering: Levering = Levering()
    gemeenten: Annotated[tuple[Bediening, ...], Field(min_length=1)]


#: Whoever has an account and keys.
Partij = Partner | Uitvoerder


class ExchangeSettings(Model):
    """Who we are."""

    naam: Text
    pgp_sleutel: Text
    pgp_vingerafdruk: Fingerprint
    ssh_sleutel: Text


#: How long the register keeps hashes, in months: 6 for matching (Divosa) and one to spare. A key stays as long.
HASHES_KEPT = 7


class HashKeyFile(Model):
    """A key for keyed hashes; its id stands beside each hash. `van` is the day on which it came to make new ones."""

    id: Annotated[int, Field(ge=1)]
    bestand: Text
    van: date | None = None


with warnings.catch_warnings():
    # pydantic warns of ABCMeta.register, a class method that no instance shows
    warnings.filterwarnings("ignore", message='Field name "register"')

    class OpslagSettings(Model):
        """Where things are kept. Relative paths are relative to the configuration folder (see `anchored`)."""

        register: Text = Field()  # or what the class itself is called `register` with would be its default
        archief: Text
        werk: Text
        referentie: Path
        opslagsleutel: Text
        #: The last one makes new hashes; the earlier ones stay for as long as their hashes do (see `may_go`).
        hashsleutels: Annotated[tuple[HashKeyFile, ...], Field(min_length=1)]

        @model_validator(mode="after")
        def _one_key_per_id(self) -> Self:
            if len({key.id for key in self.hashsleutels}) < len(self.hashsleutels):
                raise wrong("hashsleutels: een id komt twee keer voor", "Geef elke hashsleutel een eigen id.")
            return self

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            begun = [key.van for key in self.hashsleutels]
            if any(day is None for day in begun[1:]) or sorted(filter(None, begun)) != [*filter(None, begun)]:
                mend = "Zet de oudste voorop en geef elke volgende van: de dag waarop zij de nieuwste werd."
                raise wrong("hashsleutels: bij de tweede of een volgende ontbreekt van, of de dagen lopen terug", mend)
            return self

        def may_go(self) -> list[tuple[HashKeyFile, date]]:
            """Each key that makes no hashes any more, with the first day on which the register holds none of its."""
            later = [key.van for key in self.hashsleutels[1:] if key.van]
            return [
                (key, dates.months_later(day, HASHES_KEPT)) for key, day in zip(self.hashsleutels, later, strict=False)
            ]

        def anchored(self, folder: Path) -> Self:
            """The same settings with every local place absolute."""
            sqlite = re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^/].*)", self.register)
            register = sqlite[1] + str(folder / sqlite[2]) if sqlite else self.register
            return self.model_copy(
                update={
                    "register": register,
                    "archief": _as_url(self.archief, folder),
                    "werk": _as_url(self.werk, folder),
                    "referentie": folder / self.referentie,
                }
            )


def _as_url(place: str, folder: Path) -> str:
    return place if "://" in place else f"file://{folder / place}"


class IntakeSettings(Model):
    """How files are fetched and read.

    Of the parties `threads` are visited at a time: more than are ever slow together, for those hold up the others.
    A visit to a party may take `partij_seconden`, beside twice `stil_seconden` of waiting for files to stand still:
    at most 50 minutes together, for after an hour the task is stopped, with all parties in it. In a round at most
    `max_bestanden` of its files are fetched, of the first `max_namen` in its folder. `max_opgehaald` is the size of a
    file as it was sent, `max_bytes` that of the decrypted text. `blokgrootte` counts lines.
    `max_regels` counts the lines of a file, the header and blank ones included. A signaal's `nr` has 24 bits for the
    line, hence the most that it can be. `verzegeld_dagen` is how long we keep, sealed, what came unencrypted.
    """

    stil_seconden: Annotated[float, Field(ge=0, le=600)] = 2
    blokgrootte: Annotated[int, Field(ge=1)] = 100_000
    partij_seconden: Annotated[float, Field(gt=0, le=1800)] = 300
    max_bestanden: Annotated[int, Field(ge=1)] = 1_000
    max_namen: Annotated[int, Field(ge=1)] = 5_000
    max_opgehaald: Annotated[int, Field(ge=1)] = 1_000_000_000
    max_bytes: Annotated[int, Field(ge=1)] = 2_000_000_000
    max_regels: Annotated[int, Field(ge=1, le=2**24 - 1)] = 2**24 - 1
    threads: Annotated[int, Field(ge=1, le=64)] = 32
    verzegeld_dagen: Annotated[int, Field(ge=1, le=90)] = 7


class UitleveringSettings(Model):
    """Until when we promise that a file goes along tonight (Amsterdam), and when we expect an answer (days)."""

    sluitingstijd: time = time(4, 0)
    terugkoppeling_dagen: Annotated[int, Field(ge=1, le=365)] = 28


class MonitorSettings(Model):
    """Counts below `drempel` are protected in the anonymous figures."""

    drempel: Annotated[int, Field(ge=3)] = 5


class PgpSettings(Model):
    """Outgoing OpenPGP. Compression as algorithm and level: `zlib:1`, `zip:6`, `none`."""

    compressie: Annotated[str, Field(pattern=r"^(none|(zip|zlib):[1-9])$")] = "zlib:1"


class Settings(BaseSettings):
    """nachtpost.toml; the environment (`NACHTPOST_<SECTION>__<KEY>`) goes before the file."""

    model_config = SettingsConfigDict(
        env_prefix="NACHTPOST_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    exchange: ExchangeSettings
    opslag: OpslagSettings
    intake: IntakeSettings = IntakeSettings()
    uitlevering: UitleveringSettings = UitleveringSettings()
    pgp: PgpSettings = PgpSettings()
    monitor: MonitorSettings = MonitorSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then what the file says; nothing else."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings
