"""The public record of fire calls: DataSF nuek-vuh3, read with care for its dirty rows.

`export.py` streams the file, `call.py` and `fleet.py` say what its rows mean to us. Read by the
replay and by the simulator's scenario tools. Imports the domain only.
"""
