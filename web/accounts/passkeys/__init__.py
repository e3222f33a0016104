"""Passkeys (WebAuthn): a second factor after the password, and a login without one.

The browser's side is `navigator.credentials`: options go out as its `parseCreationOptionsFromJSON`
and `parseRequestOptionsFromJSON` take them, and what its `toJSON()` gives comes back. Signatures
are verified by py_webauthn, in ceremony.py and nowhere else.
"""
