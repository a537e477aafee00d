"""For whom an account delivers a file: its name says so, machtigingen.csv whether that may be."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from exchange.configuration import Configuration, Melder, Partij, Partner
from transforms import names
from transforms.lines import FileRejected


def whose(config: Configuration, account: Partner, bestand: str, day: date) -> Melder:
    """The partner whose file this is, when it was dropped by `account` and received on `day`.

    Raises FileRejected (E-BST-08, E-BST-12) where that is not one partner for whom the account may deliver.
    """
    others = config.namens(account.id, day)
    found = names.whose(bestand, account.naam_van_bestanden, [one.naam_van_bestanden for one in others])
    return config.melders[found]


def recorded(config: Configuration, account: Partij, bestand: str, day: date) -> str:
    """The id under which pickup registers a file: the account's own where check will refuse the name, for nothing of
    what it dropped may stand under somebody else's."""
    if isinstance(account, Partner):
        with suppress(FileRejected):
            return whose(config, account, bestand, day).id
    return account.id


def may_be_stopped(config: Configuration, account: Partij, bestand: str, day: date) -> bool:
    """Whether a file of this account has to wait, for it is or may be of a partner that is stopped: it bears that one's
    name, or the name of nobody for whom the account may deliver at this moment."""
    if not isinstance(account, Partner) or not (unsure := config.onzeker(account.id, day)):
        return False
    if any(form.fits(bestand) for form in unsure):
        return True
    try:
        whose(config, account, bestand, day)
    except FileRejected:
        return True
    return False


def waits(config: Configuration, partner: str) -> bool:
    """Whether a file of this partner counts only when <name>.gereed stands beside it."""
    melder = config.melders.get(partner)
    return melder is not None and melder.gereedbestand
