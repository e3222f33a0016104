"""The demo that `maxray up --demo` runs: a synthetic city, its crews on real sockets, its callers.

Pure: city.py, stream.py. At work: driver.py. The crews are those of web/replay.
"""
