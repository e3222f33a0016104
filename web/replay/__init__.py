"""`maxray replay`: a recorded day of calls, played through the public doors with real sockets.

Pure: motion.py, crew.py, ledger.py; the record's file is read by `actors/fire_calls`.
At work: door.py (REST), device.py (a unit's socket), radio.py (positions), watch.py (ops),
player.py (the whole). `web/demo` plays its synthetic city with the same crews.
"""
