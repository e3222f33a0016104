"""Paramedics (units: crew, vehicle, device): their profiles, duty and tasks."""
