"""`python -m web.cli`: how the supervisor runs a command of its own."""

from web.cli import main

main()
