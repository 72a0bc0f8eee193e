"""The command line: `meterhouse …`. One module per group of commands; `main.py` puts them together."""
