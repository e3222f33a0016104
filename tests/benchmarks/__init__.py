"""What DESIGN §8 promises, measured: `make bench`, or `make bench ONLY=B1,B6`. Never run as tests.

Each claim is set against a baseline in the same run, so that a ratio holds on a noisy machine.
"""
