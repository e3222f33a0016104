"""The simulator: scenarios played in virtual time through the domain code that runs live.

`load` reads a scenario's folder, `simulate` plays it, `write_rows` writes RESULT.csv. Times are
seconds. May be imported by the web layer; imports the domain and nothing else of ours.
"""

from actors.csv_table import FileRefused
from actors.simulator.engine import simulate
from actors.simulator.errors import SimulationStuck
from actors.simulator.place import Place
from actors.simulator.reading import load
from actors.simulator.result import Result, Row, Statistics, write_rows
from actors.simulator.scenario import Call, Scenario, Unit

__all__ = [
    "Call",
    "FileRefused",
    "Place",
    "Result",
    "Row",
    "Scenario",
    "SimulationStuck",
    "Statistics",
    "Unit",
    "load",
    "simulate",
    "write_rows",
]
