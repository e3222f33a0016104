"""The one Piccolo app: the records' tables and their migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from storage.records.table import RECORD_TABLES

APP_CONFIG = AppConfig(
    app_name="storage",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=RECORD_TABLES,
)
