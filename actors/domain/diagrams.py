"""The state diagrams, drawn from the code's own tables.

`python -m actors.domain.diagrams docs/states` writes them; a test holds that they are current.
"""

from __future__ import annotations

import sys

from actors.domain import task
from actors.domain.dispatcher import machine as dispatcher
from actors.domain.doctor import machine as doctor
from actors.domain.emergency import machine as emergency
from actors.domain.hospital import machine as hospital
from actors.domain.machine import NEW, Machine
from actors.domain.paramedic import machine as paramedic
from actors.domain.shift import machine as shift

_MACHINES: tuple[tuple[Machine, str | None], ...] = (
    (emergency.MACHINE, emergency.__doc__),
    (task.MACHINE, task.__doc__),
    (paramedic.MACHINE, paramedic.__doc__),
    (doctor.MACHINE, doctor.__doc__),
    (dispatcher.MACHINE, dispatcher.__doc__),
    (hospital.MACHINE, hospital.__doc__),
    (shift.MACHINE, shift.__doc__),
)
_NOTE = "<!-- Generated: python -m actors.domain.diagrams docs/states -->\n"


def render() -> dict[str, str]:
    """File name -> Markdown."""
    return {f"{machine.name}.md": _page(machine, doc or "") for machine, doc in _MACHINES}


def _page(machine: Machine, doc: str) -> str:
    return "\n".join(
        [
            _NOTE,
            f"# {machine.name.capitalize()}\n",
            f"```mermaid\n{machine.mermaid()}```\n",
            "| state | possible |",
            "| --- | --- |",
            *(
                f"| {state} | {', '.join(f'`{t}`' for t in machine.allowed(state)) or '—'} |"
                for state in machine.states()
                if state != NEW
            ),
            f"\n{doc.strip()}\n",
        ]
    )


if __name__ == "__main__":
    for name, text in render().items():
        # Not pathlib: the domain's import contract bars it, here too.
        with open(f"{sys.argv[1]}/{name}", "w", encoding="utf-8") as page:  # noqa: PTH123
            page.write(text)
