"""Patients: who may ask for help, how to reach them, who pays."""
