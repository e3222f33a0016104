"""Doctors: their profiles, duty and availability."""
