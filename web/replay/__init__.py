"""`maxray replay`: a recorded day of calls, played through the public doors with real sockets.

Pure: export.py (reads the file), call.py, fleet.py, hospitals.py, motion.py, crew.py, ledger.py.
At work: door.py (REST), device.py (a unit's socket), radio.py (positions), watch.py (ops),
player.py (the whole). `web/demo` plays its synthetic city with the same crews.
"""
