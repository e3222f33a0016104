"""Emergencies: raised, watched, cancelled; and the questions that triage asks."""
