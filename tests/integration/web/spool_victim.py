"""`python -m tests.integration.web.spool_victim FOLDER`: kill -9 at every step to the disk.

A child works on a spool and says what it was answered. It is killed at its first call to the
kernel that changes the disk, the next child at its second, and so on; a write also after half of
it. After each death the spool is opened by somebody else, and must hold what was answered, once
and in order, and nothing that was never asked for; then the work is done again, as a client that
got no answer repeats it. Single-threaded, for it forks. Prints at how many points it killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from storage.spool import Spool, Spooled, SpoolError, Waiting
from storage.spool.spool import SpoolLimits

# Small segments: that files are begun and removed is part of the work.
LIMITS: Final = SpoolLimits(segment_bytes=260, ballast_bytes=4096)
CALLS: Final = ("open", "pwrite", "fsync", "ftruncate", "unlink", "mkdir", "posix_fallocate")
NOW: Final = 1_800_000_000.0
# Which is buried in the course of the work, and how many there are.
BURIED, LAST = 3, 8
# After one call is before the next; a write has a middle, too.
Moment = Literal["before", "half"]


def emergency(n: int) -> Spooled:
    return Spooled(f"c{n}", b"print", f"e{n}", f"p{n % 2}", NOW + n, bytes([n]) * 50)


def work(folder: Path, say: Callable[[str], None]) -> None:
    """What a worker and the replayer do; done again, it changes nothing that was done."""
    spool = Spool(folder, LIMITS)
    spool.open()

    def put(*numbers: int) -> None:
        fresh = []
        for n in numbers:
            standing = spool.claim(f"c{n}", b"print", f"e{n}", f"p{n % 2}", NOW + n)
            if not standing.logged:
                fresh.append(emergency(n))
        for answer in spool.append(fresh):
            assert not isinstance(answer, SpoolError), answer
        for n in numbers:
            say(f"+{n}")

    def done(n: int, how: Callable[[Waiting], None]) -> None:
        say(f"~{n}")
        for one in spool.waiting():
            if one.emergency_id == f"e{n}":
                how(one)
        say(f"-{n}")

    put(1)
    put(2, 3)
    done(1, spool.settle)
    put(4)
    done(2, spool.settle)
    done(BURIED, partial(spool.bury, reason="gone", now=NOW))
    put(5, 6, 7)
    done(5, spool.settle)
    put(LAST)
    spool.close()


def doomed(folder: Path, pipe: int, nth: int, moment: Moment) -> None:
    """In the child: the work, until its `nth` call that changes the disk."""
    calls = 0

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal calls
            calls += moment == "before" or name == "pwrite"
            if calls != nth:
                return real(*args, **more)
            if moment == "half":
                handle, data, at = args
                real(handle, bytes(data)[: len(data) // 2], at)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("dead")

        return call

    for name in CALLS:
        setattr(os, name, watched(name, getattr(os, name)))
    work(folder, lambda word: _say(pipe, word))


def _say(pipe: int, word: str) -> None:
    os.write(pipe, f"{word}\n".encode())


def killed_at(folder: Path, nth: int, moment: Moment) -> bool:
    """One life; False where it came to its end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            doomed(folder, writer, nth, moment)
        except BaseException:  # the child must end here, whatever it is
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read().split()
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "the child failed"
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    check(folder, said)
    return True


def check(folder: Path, said: list[str]) -> None:
    """What was answered holds for whoever comes next, and once more after the work is repeated."""
    added = {int(word[1:]) for word in said if word[0] == "+"}
    begun = {int(word[1:]) for word in said if word[0] == "~"}
    ended = {int(word[1:]) for word in said if word[0] == "-"}
    waiting, dead = look(folder)
    assert waiting == sorted(set(waiting)), f"neither doubled nor out of order: {waiting}"
    lost = added - set(waiting) - set(dead) - begun
    assert not lost, f"answered and gone: {lost} of {said}"
    assert not ended & set(waiting), f"settled and back: {ended & set(waiting)}"
    assert set(waiting) <= set(range(1, LAST + 1))
    work(folder, lambda _: None)
    assert look(folder) == ([4, 6, 7, 8], [BURIED])


def look(folder: Path) -> tuple[list[int], list[int]]:
    """The numbers of what waits, each read whole, and of the dead letters."""
    spool = Spool(folder, LIMITS)
    summary = spool.open()
    found = []
    for one in spool.waiting():
        number = int(one.emergency_id[1:])
        assert spool.spooled(one) == emergency(number)
        found.append(number)
    spool.close()
    return found, [int(letter.emergency_id[1:]) for letter in summary.dead]


def main() -> None:
    place = Path(sys.argv[1])
    points = 0
    moments: tuple[Moment, ...] = ("before", "half")
    for moment in moments:
        nth = 1
        while killed_at(place / f"{moment}-{nth}" / "spool", nth, moment):
            shutil.rmtree(place / f"{moment}-{nth}")
            points, nth = points + 1, nth + 1
    print(f"killed at {points} points")


if __name__ == "__main__":
    main()
