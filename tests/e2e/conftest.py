"""Airflow must know its home before it is imported for the first time."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).resolve().parents[2]))
