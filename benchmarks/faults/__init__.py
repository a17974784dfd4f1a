"""What goes wrong, done on purpose, with real processes, sockets, signals and files: `python -m benchmarks.faults`."""
