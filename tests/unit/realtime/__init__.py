"""Tests of realtime/ without sockets: virtual time, memory broker."""
