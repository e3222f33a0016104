"""Becomes another program, after what only the process itself can do: see `main`.

Run by file path with `python -I -S`, so it must import the standard library only (it starts in
about 10 ms) and nothing of ours. Usage:

    launch.py --parent PID --death-signal N [--identity KIND] -- PROGRAM ARGUMENT…

`--death-signal` is what the kernel sends this process when its parent dies (prctl(2)
PR_SET_PDEATHSIG); `--parent` closes the race of a parent that died before we asked for it.

Identities, for programs that refuse to run as uid 0 (PostgreSQL does):

* `self`: the caller's own.
* `userns`: a user namespace in which the caller's uid is known under an unprivileged one. Files
  belong to the caller as before, nothing outside is gained. For root the whole id range stays
  mapped and CAP_DAC_READ_SEARCH is kept, so folders of other owners can be passed through, as
  root passes through them.
* `uid:N`: a real change to uid N (root only; for kernels that forbid user namespaces), keeping
  CAP_DAC_READ_SEARCH alone. The program's own files must belong to N.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import struct
import sys
from pathlib import Path

# prctl(2), capabilities(7), unshare(2): the kernel's ABI, the same on every architecture.
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
CLONE_NEWUSER = 0x10000000
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_LAST_ID = 4294967294  # 2**32 - 2: the all-ones id means "none"

EXIT_CANNOT_LAUNCH = 125  # as env(1) and timeout(1) say "the wrapper itself failed"

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_libc.prctl(option, *padded), f"prctl({option})")


def _keep_only_read_search() -> None:
    """CAP_DAC_READ_SEARCH alone, and ambient: it survives exec by a uid that is not root."""
    bit = 1 << CAP_DAC_READ_SEARCH
    header = struct.pack("=Ii", _LINUX_CAPABILITY_VERSION_3, 0)
    data = struct.pack("=IIIIII", bit, bit, bit, 0, 0, 0)
    _checked(_libc.capset(header, data), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)


def unprivileged_uid() -> int:
    """A uid that has a name (initdb looks its own up) and is not root's: nobody's, if it can be."""
    named = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not named:
        raise OSError(0, "the password database names no user but root")
    return named.get("nobody", min(named.values()))


def _swapped(inside: int, outside: int) -> str:
    """An id map that exchanges two ids and leaves every other as it is (user_namespaces(7))."""
    if inside == outside:
        return f"0 0 {_LAST_ID + 1}"
    low, high = sorted((inside, outside))
    ranges = [
        (0, 0, low),
        (low, high, 1),
        (low + 1, low + 1, high - low - 1),
        (high, low, 1),
        (high + 1, high + 1, _LAST_ID - high),
    ]
    return "\n".join(f"{a} {b} {n}" for a, b, n in ranges if n > 0)


def _write_maps(pid: int, inside: int) -> None:
    """Map ids into `pid`'s new namespace: all of them when that is allowed, else the caller's."""
    uid, gid = os.getuid(), os.getgid()
    proc = Path(f"/proc/{pid}")
    try:
        (proc / "uid_map").write_text(_swapped(inside, uid))
        (proc / "gid_map").write_text(_swapped(inside, gid))
    except OSError:
        (proc / "uid_map").write_text(f"{inside} {uid} 1")
        # An unprivileged writer of gid_map has to give up setgroups(2) first.
        (proc / "setgroups").write_text("deny")
        (proc / "gid_map").write_text(f"{inside} {gid} 1")


def _enter_user_namespace() -> None:
    """Be an unprivileged uid inside a new user namespace, and still ourselves outside of it.

    The maps are written by a forked child which stays outside: with root's capabilities there it
    may map every id, which the process inside may not.
    """
    inside = unprivileged_uid()
    target = os.getpid()
    unshared_read, unshared_write = os.pipe()
    mapper = os.fork()
    if mapper == 0:
        status = 1
        with contextlib.suppress(OSError):
            os.close(unshared_write)
            if os.read(unshared_read, 1):
                _write_maps(target, inside)
                status = 0
        os._exit(status)
    os.close(unshared_read)
    try:
        _checked(_libc.unshare(CLONE_NEWUSER), "unshare(CLONE_NEWUSER)")
        os.write(unshared_write, b"1")
    finally:
        os.close(unshared_write)
        _, status = os.waitpid(mapper, 0)
    if status != 0:
        raise OSError(0, "the user namespace's id maps were refused")
    _keep_only_read_search()


def _become_uid(uid: int) -> None:
    gid = pwd.getpwuid(uid).pw_gid
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _keep_only_read_search()


def take_identity(identity: str) -> None:
    """See the module's docstring. Raises OSError where the kernel refuses."""
    if identity == "userns":
        _enter_user_namespace()
    elif identity.startswith("uid:"):
        _become_uid(int(identity.removeprefix("uid:")))
    elif identity != "self":
        raise OSError(0, f"unknown identity {identity!r}")


def main(arguments: list[str]) -> None:
    """Take the identity, ask to die with the parent, become the program. Never returns."""
    split = arguments.index("--")
    pairs = iter(arguments[:split])
    options = dict(zip(pairs, pairs, strict=True))
    program = arguments[split + 1 :]
    try:
        take_identity(options.get("--identity", "self"))
        # After the change of identity, which clears it.
        _prctl(PR_SET_PDEATHSIG, int(options["--death-signal"]))
        if os.getppid() != int(options["--parent"]):
            os.kill(os.getpid(), signal.SIGKILL)
        # A parent that ignores SIGINT (a background job of a shell) would pass that on.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(program[0], program)  # noqa: S606 - becoming another program is the point
    except OSError as error:
        sys.stderr.write(f"cannot launch {program[0]}: {error}\n")
        sys.exit(EXIT_CANNOT_LAUNCH)


if __name__ == "__main__":
    main(sys.argv[1:])
