"""Positions on their way: signals, which may be lost."""

from __future__ import annotations

from actors.domain.kernel import Signal
from actors.domain.values import Id, Latitude, Longitude, Seconds


class ReportPosition(Signal, frozen=True, kw_only=True):
    """From a device to its paramedic. `at`: when the fix was taken, by the device's clock."""

    lat: Latitude
    lon: Longitude
    at: Seconds
    accuracy_m: float | None = None


class UnitPosition(Signal, frozen=True, kw_only=True):
    """From a paramedic to its dispatcher, thinned out."""

    unit: Id
    lat: Latitude
    lon: Longitude
    at: Seconds
