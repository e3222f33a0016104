"""A small export in the public format, made here, so that the tests need no download."""

from __future__ import annotations

import csv
import io

COLUMNS = (
    "Call Number", "Unit ID", "Incident Number", "Call Type", "Call Date", "Watch Date",
    "Received DtTm", "Entry DtTm", "Dispatch DtTm", "Response DtTm", "On Scene DtTm",
    "Transport DtTm", "Hospital DtTm", "Call Final Disposition", "Available DtTm", "Address",
    "City", "Zipcode of Incident", "Battalion", "Station Area", "Box", "Original Priority",
    "Priority",
    "Final Priority", "ALS Unit", "Call Type Group", "Number of Alarms", "Unit Type",
    "Unit sequence in call dispatch", "Fire Prevention District", "Supervisor District",
    "Neighborhooods - Analysis Boundaries", "Location", "RowID",
)  # fmt: skip

ROW = {
    "Call Number": "100",
    "Unit ID": "85",
    "Call Type": "Medical Incident",
    "Received DtTm": "04/10/2020 12:00:00 PM",
    "Dispatch DtTm": "04/10/2020 12:02:00 PM",
    "Response DtTm": "04/10/2020 12:03:00 PM",
    "On Scene DtTm": "04/10/2020 12:10:00 PM",
    "Transport DtTm": "04/10/2020 12:30:00 PM",
    "Hospital DtTm": "04/10/2020 12:45:00 PM",
    "Available DtTm": "04/10/2020 01:15:00 PM",
    "Address": "100 Block of A ST",
    "Station Area": "07",
    "Original Priority": "3",
    "Final Priority": "3",
    "ALS Unit": "true",
    "Unit Type": "MEDIC",
    "Unit sequence in call dispatch": "1",
    "Location": "(37.75, -122.42)",
}


def export(*changes: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> list[str]:
    """The lines of a file with one row for each of `changes`, made to ROW."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", restval="")
    writer.writeheader()
    for change in changes:
        writer.writerow({**ROW, **change})
    return out.getvalue().splitlines(keepends=True)
