"""`maxray simulate --compare`: what policies make of the same calls, for people to read.

table.py (the terminal), chart.py (PNG), page.py (one HTML file). The figures themselves are made
in `actors/simulator/comparison.py`.
"""
