"""Settings, logging and deployment files.

Imports nothing of ours; every other package may import it.
"""

from config.errors import Problem, SettingsError
from config.secret import Secret
from config.settings import Settings
from config.source import load_settings, settings_environment

__all__ = [
    "Problem",
    "Secret",
    "Settings",
    "SettingsError",
    "load_settings",
    "settings_environment",
]
