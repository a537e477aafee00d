"""When the night is. One place, because the DAG runs at this hour and CONTROLE and the documents promise it."""

from __future__ import annotations

from datetime import time

#: Amsterdam time; never between 02:00 and 03:00, an hour that does not exist in March and comes twice in October.
UITLEVERING = time(4, 30)
