"""E-mail: what is written, and how it leaves.

letter.py (what can be said) → wording.py (the words) → render.py (as text and HTML) → message.py
(as a message of RFC 5322) → mailer.py (sealed, into the outbox) → deliverer.py (out of it, again
and again until it is sent or given up) → transport_*.py (to a server, or to a folder). What must
not be looked up while somebody waits is asked for by request.py, and written when it is taken out.
"""
