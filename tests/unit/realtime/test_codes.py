"""The codes are an API: what each makes an official SDK do."""

from __future__ import annotations

from realtime import codes


def test_each_code_is_there_once() -> None:
    for kind in (codes.ClientError, codes.Unsubscribe, codes.Disconnect):
        all_codes = [value.code for value in vars(codes).values() if isinstance(value, kind)]
        assert len(all_codes) == len(set(all_codes)) > 3


def test_errors_are_below_the_applications_own_range() -> None:
    errors = [value for value in vars(codes).values() if isinstance(value, codes.ClientError)]
    assert all(100 <= error.code < 400 for error in errors)
    assert {error.code for error in errors if error.temporary} == {100, 111}


def test_names_say_whether_the_client_comes_back() -> None:
    disconnects = [value for value in vars(codes).values() if isinstance(value, codes.Disconnect)]
    for disconnect in disconnects:
        lost = disconnect.code in (1002, 1007)  # framing: to an SDK a connection that was lost
        assert disconnect.reconnects == (lost or 3000 <= disconnect.code < 3500), disconnect
        assert disconnect.reconnects != disconnect.advice.startswith("do not reconnect")
        assert len(disconnect.reason.encode()) <= 123
    assert not codes.UNSUBSCRIBE_SERVER.resubscribes
    assert codes.UNSUBSCRIBE_INSUFFICIENT_STATE.resubscribes
