"""Tests of the pure domain: no clock, no I/O, no sleeping."""
