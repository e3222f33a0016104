"""Whatever is done to a session in whatever order: at most one refresh token is ever good, and
nothing brings an ended session back."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.web.accounts.stage import Caller, Stage
from web.accounts.session_machine import lifetime
from web.accounts.session_service import RETRY_S

KEYS = ("", "a-key-made-at-random", "another-key-at-random")
STEPS = st.one_of(
    st.tuples(st.just("refresh"), st.integers(0, 4), st.sampled_from(KEYS)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, RETRY_S / 2, RETRY_S + 1.0, 86_400.0])),
    st.tuples(st.sampled_from(["logout", "end all"])),
)


class Model:
    """What should be: tokens in the order in which they were given, and how each was used."""

    def __init__(self, first: str, now: float) -> None:
        self.tokens = [first]
        self.used: dict[str, tuple[str, float]] = {}
        self.seen = now
        self.ended = False

    def refresh(self, token: str, key: str, now: float) -> bool:
        """Whether it is answered with the next one."""
        if self.ended or now >= self.seen + lifetime("active", "patient").idle_s:
            return False
        if token not in self.used:
            self.used[token] = (key, now)
            self.seen = now
            return True
        used_with, at = self.used[token]
        if key and key == used_with and now - at <= RETRY_S:
            return True
        self.ended = True
        return False


async def stepped(stage: Stage, caller: Caller, model: Model, step: tuple[object, ...]) -> None:
    match step:
        case ("refresh", int(back), str(key)):
            token = model.tokens[-1 - back % len(model.tokens)]
            expected = model.refresh(token, key, stage.clock.now())
            response = await caller.try_refresh(token, key or None)
            assert (response.status_code == 200) == expected
            if expected:
                given_next = response.json()["refresh_token"]
                place = model.tokens.index(token) + 1
                assert model.tokens[place : place + 1] in ([], [given_next])
                caller.access_token = response.json()["access_token"]
                if place == len(model.tokens):
                    model.tokens.append(given_next)
        case ("wait", float(seconds)):
            await stage.later(seconds)
        case (how,):
            other = stage.stranger()
            other.email, other.device_token = caller.email, caller.device_token
            await other.log_in()
            path = f"/api/sessions/{caller.session_id}" if how == "logout" else "/api/sessions"
            await other.call("DELETE", path, expect=204)
            model.ended = True


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=12))
async def test_at_most_one_refresh_token_is_good(
    stage: Stage, steps: list[tuple[object, ...]]
) -> None:
    caller = await stage.patient()
    model = Model(caller.refresh_token, stage.clock.now())
    for step in steps:
        await stepped(stage, caller, model, step)
    good = [model.refresh(model.tokens[-1], "", stage.clock.now())]
    assert [(await caller.try_refresh(model.tokens[-1])).status_code == 200] == good
