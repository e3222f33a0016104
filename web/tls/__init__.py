"""TLS of the web itself: certificates that `up` makes, and who trusts what.

certificate.py (an authority and what it issues) → folder.py (both kept in DATA/tls, renewed before
they end) → context.py (how the web answers, how our own programs call it) → reload.py (a running
worker takes a renewed certificate).
"""
