"""Which passwords are refused: those that are guessed soon, and those that thieves try first.

By an estimate of the guesses they take (zxcvbn) and by the list of passwords most often found in
breaches that comes with it; never by rules about digits and capitals, which make passwords harder
to keep and no harder to guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has none
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]  # nor here

# Of 0 to 4: 3 is more than 10^8 guesses, beyond what the throttles let anybody try.
SCORE: Final = 3
SHORTEST: Final = 8
LONGEST: Final = 256
# It takes time that grows with the square; what comes after can only add strength.
_LOOKED_AT: Final = 64

BREACHED: Final[frozenset[str]] = frozenset(FREQUENCY_LISTS["passwords"])
# Shorter parts of a name stand in any word.
_TELLING: Final = 3
_PARTS: Final = re.compile(r"\w+")
# What everybody who guesses at this service tries.
_OURS: Final = ("maxray", "ambulance", "paramedic", "hospital", "doctor", "patient", "emergency")


def weakness(password: str, about: Iterable[str] = ()) -> str | None:
    """Why it is refused, for its owner to read, or None. Takes some 20 ms.

    `about`: what is known of its owner, such as their name and address.
    """
    if len(password) < SHORTEST:
        return f"at least {SHORTEST} characters"
    if password.lower() in BREACHED:
        return "this password is among those that thieves try first"
    own = tuple(_words(about))
    if len(_without(password, own)) < SHORTEST:
        return f"at least {SHORTEST} characters besides your own name and address"
    known = [*_OURS, *own]
    found = zxcvbn(password[:_LOOKED_AT], user_inputs=known)
    if found["score"] >= SCORE:
        return None
    feedback = found["feedback"]
    said = [feedback["warning"], *feedback["suggestions"]]
    hints = " ".join(f"{hint.rstrip('.')}." for hint in said if hint)
    return f"this password is guessed too soon. {hints}".strip()


def _without(password: str, words: Iterable[str]) -> str:
    """What is left for somebody to guess who knows these."""
    left = password.lower()
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _TELLING:
            left = left.replace(word.lower(), "")
    return left


def _words(about: Iterable[str]) -> Iterable[str]:
    for text in about:
        yield text
        yield from _PARTS.findall(text)
