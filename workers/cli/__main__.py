"""`python -m workers.cli` is the same as `wirewatch`."""

from workers.cli.main import main

if __name__ == "__main__":  # a helper process imports this file once more, under another name
    main()
