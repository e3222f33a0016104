"""Hospitals: profiles, load, and which one a crew should drive to."""
