"""`nachtpost`: the command line. One module per group of commands; the rules live in `exchange.steps`."""

from __future__ import annotations

from typer import Typer

from exchange.cli import (
    bewijs,
    check_file,
    config,
    demo,
    keys,
    ledger,
    monitor,
    night,
    partner,
    publiceren,
    reference,
    register,
    sandbox,
    where,
    zending,
)
from exchange.cli.door import Door, remember

app = Typer(
    name="nachtpost",
    help="De uitwisseling voor vroegsignalering: signalen van partners naar uitvoerders, en de antwoorden terug.",
    cls=Door,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold rows
)
app.callback()(remember)
app.add_typer(config.app, name="config")
app.add_typer(keys.app, name="keys")
app.add_typer(register.app, name="register")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(partner.app, name="partner")
app.add_typer(reference.app, name="reference")
app.add_typer(ledger.app, name="ledger")
app.add_typer(publiceren.app, name="publiceren")
app.add_typer(zending.app, name="zending")
app.command("intake")(night.intake)
app.command("terugkoppeling")(night.terugkoppeling)
app.command("uitlevering")(night.uitlevering)
app.command("status")(where.status)
app.command("find")(where.find)
app.command("monitor")(monitor.monitor)
app.command("bewijs")(bewijs.bewijs)
app.command("check-file")(check_file.check_file)
app.command("demo")(demo.demo)

__all__ = ["app"]
