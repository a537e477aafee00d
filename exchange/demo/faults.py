"""What can go wrong in the demo itself."""

from __future__ import annotations

from exchange.faults import Fault


class DemoFault(Fault):
    """The demo cannot go on; `tekst` says why, in Dutch."""

    def __init__(self, tekst: str) -> None:
        self.tekst = tekst
        super().__init__(tekst)
