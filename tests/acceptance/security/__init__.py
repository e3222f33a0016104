"""What the documents on security say, held against the tests that there are."""
