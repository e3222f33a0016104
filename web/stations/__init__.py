"""Stations: where idle units stand."""
