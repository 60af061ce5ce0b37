"""`python -m workers.cli` is the same as `wirewatch`."""

from workers.cli.main import main

main()
