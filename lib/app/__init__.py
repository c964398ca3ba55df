"""The command line: `python -m lib COMMAND`."""
