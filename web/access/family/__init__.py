"""Families: patient accounts that act for other patients, from when until when."""
