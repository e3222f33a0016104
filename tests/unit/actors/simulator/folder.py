"""Scenario folders, written as a person would: the text of each file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SETTINGS = 'name = "made by hand"\nreturn_speed_factor = 1.0\nspeed_mps = 1.0\n'
CALLS = "id,at_s,location,priority,on_scene_s,transport,handover_s\n"

# Four places on a line, two units at its ends, a hospital, three calls.
PLAIN: Mapping[str, str] = {
    "scenario.toml": SETTINGS,
    "locations.csv": "id,x_m,y_m\na,0,0\nb,100,0\nc,200,0\nd,300,0\n",
    "units.csv": "id,base\nu1,a\nu2,d\n",
    "hospitals.csv": "location\na\n",
    "calls.csv": CALLS + "k1,0,b,1,10,0,0\nk2,5,c,2,10,1,20\nk3,7.5,c,3,10,0,0\n",
}


def write(folder: Path, files: Mapping[str, str | None]) -> Path:
    """The plain scenario's folder with these files instead; None: without the file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**PLAIN, **files}.items():
        if text is not None:
            (folder / name).write_bytes(text.encode())
    return folder
