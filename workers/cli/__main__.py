"""`python -m workers.cli`: how the supervisor starts a service, whatever is on the PATH."""

from workers.cli.main import main

main()
