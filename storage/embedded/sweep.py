"""Finds and ends the processes a supervisor left behind, and is the guardian that waits for that.

Run by file path with `python -I -S` as the guardian, so it imports the standard library only.

No single trait finds every one of them, for several of these programs rewrite their own memory or
leave their parent's session, so a process is taken for ours when one of these holds:

* its environment carries our marker (programs that overwrite their argv to set a title lose it:
  PostgreSQL's backends, Ray's agents);
* its session was led by a process we started (Ray's agents and workers keep theirs; PostgreSQL's
  backends each open a new one);
* it runs our very PostgreSQL binary with its working directory inside our data folder.

The guardian reads records from its standard input, one a line, and sweeps at end of file: its
supervisor is gone. The line `done` before that means a clean stop, with nothing to do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

MARKER = "MAXRAY_DATA_ID"
DONE = "done"

# What the orphans get to end by themselves: the kernel has already told the direct children to
# stop (PR_SET_PDEATHSIG). PostgreSQL's fast shutdown usually ends within it; when it does not, the
# next start recovers from the log.
GRACE_S = 3.0
# Nobody is told of the end of processes that are not our children; a start waits for this. A look
# reads all of /proc, some milliseconds.
_POLL_S = 0.05


class Started(NamedTuple):
    """A process we started as a session leader: its pid and its start in clock ticks since boot.

    The two together are never reused, as a pid alone is.
    """

    pid: int
    ticks: int

    def line(self) -> str:
        return f"{self.pid} {self.ticks}"

    @classmethod
    def parse(cls, line: str) -> Started:
        """The reverse of `line`. Raises ValueError."""
        pid, ticks = line.split()
        return cls(int(pid), int(ticks))


def start_ticks(pid: int) -> int | None:
    """When `pid` started, in clock ticks since boot; None when it is gone or a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    # proc(5): the second field is the name in parentheses, which may hold anything; the list
    # returned begins with the third, the state.
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _environment_has(pid: int, needle: bytes) -> bool:
    try:
        return needle in b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _runs_in(pid: int, binary: str, folder: str) -> bool:
    try:
        where = str(Path(f"/proc/{pid}/cwd").readlink())
        return str(Path(f"/proc/{pid}/exe").readlink()) == binary and (
            where == folder or where.startswith(folder + "/")
        )
    except OSError:
        return False


def find(marker: str, started: set[Started], binary: str, folder: str) -> set[Started]:
    """Every living process that is ours by one of the traits above, except the caller.

    `marker` is a prefix of the marker's value, so that a data folder's id matches each of its
    runs. `folder` is an absolute path without symbolic links, as the kernel prints it.
    """
    needle = f"\0{MARKER}={marker}".encode()
    sessions = {s.pid: s.ticks for s in started}
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        fields = _stat(pid)
        if fields is None or fields[0] in "ZX":
            continue
        session, ticks = int(fields[3]), int(fields[19])
        # A session's number is not given to a new process while any member lives; its leader's
        # start tells our session from a later one of the same number.
        ours = session in sessions and (pid != session or ticks == sessions[pid])
        if ours and pid != session:
            leader = start_ticks(session)
            ours = leader is None or leader == sessions[session]
        if ours or _environment_has(pid, needle) or _runs_in(pid, binary, folder):
            found.add(Started(pid, ticks))
    return found


def send(process: Started, number: int) -> None:
    """Signal exactly this process: nothing happens when the pid has a new owner or none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(process.pid)
        try:
            if start_ticks(process.pid) == process.ticks:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def sweep(
    marker: str, started: set[Started], binary: str, folder: str, grace_s: float = GRACE_S
) -> int:
    """End every process `find` names: SIGTERM, then SIGKILL after `grace_s`. Returns how many.

    PostgreSQL's postmaster gets SIGINT instead (its fast shutdown; SIGTERM would wait for
    clients), its backends nothing: they follow the postmaster. Blocks until nothing is left.
    """
    told: set[Started] = set()
    deadline = time.monotonic() + grace_s
    while found := find(marker, started, binary, folder):
        killing = time.monotonic() >= deadline
        for process in found:
            if killing:
                send(process, signal.SIGKILL)
            elif process not in told:
                _ask_to_stop(process, binary)
        told |= found
        time.sleep(_POLL_S)
    return len(told)


def _ask_to_stop(process: Started, binary: str) -> None:
    with contextlib.suppress(OSError):
        if str(Path(f"/proc/{process.pid}/exe").readlink()) != binary:
            send(process, signal.SIGTERM)
        elif b"-D\0" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            send(process, signal.SIGINT)


def guard(marker: str, binary: str, folder: str) -> None:
    """Collect records until the pipe closes; then sweep, unless the stop was clean."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # It lives in its own session, but a service unit's stop reaches it all the same.
        signal.signal(number, signal.SIG_IGN)
    started = set()
    for line in sys.stdin:
        if line.strip() == DONE:
            return
        with contextlib.suppress(ValueError):
            started.add(Started.parse(line))
    # From here on a new supervisor of the same folder may end us and sweep for itself.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sweep(marker, started, binary, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="waits for its supervisor's end, then sweeps")
    parser.add_argument("--marker", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--folder", required=True)
    given = parser.parse_args()
    guard(given.marker, given.binary, given.folder)


if __name__ == "__main__":
    main()
