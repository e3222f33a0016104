"""What is said about the sockets, held against what they do."""
