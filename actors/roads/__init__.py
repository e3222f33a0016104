"""Travel over a road network, by the hour of the day: for live dispatch and for scenarios.

`load_roads` (travel.py) reads a folder and gives the TravelEstimate that dispatchers ask. May be
imported by the simulator and the web layer; imports the domain's places and csv_table.py, and
nothing else of ours.
"""
