"""Where Piccolo's own machinery finds its engine and app: PICCOLO_CONF=storage.piccolo_conf.

`DB` is looked up at each use: inside `storage.engine.using` it is the engine named there, else (for
Piccolo's command line) one on MAXRAY_DATABASE_URL.
"""

from __future__ import annotations

import os

from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine

from storage.engine import Engine, current

APP_REGISTRY = AppRegistry(apps=["storage.piccolo_app"])


def __getattr__(name: str) -> PostgresEngine:
    if name != "DB":
        raise AttributeError(name)
    try:
        return current()
    except LookupError:
        return Engine(os.environ["MAXRAY_DATABASE_URL"])
