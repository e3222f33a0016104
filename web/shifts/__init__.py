"""Shifts: who is planned where and when, and who is really there."""
