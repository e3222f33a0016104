"""Fail-safe intake: an emergency is accepted for as long as one web worker and its disk live.

While the records, the shards or the database behind them are out of reach, or answer too late, a
call for help is written to the machine's spool (storage/spool/), answered 202, and replayed once
they are back: in order per patient, each exactly once.
"""
