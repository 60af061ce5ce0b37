"""The `wirewatch` command. One file a family of commands; each composes, none decides."""
