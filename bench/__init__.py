"""Benchmarks with their reference, one command each: `make bench`, or `python -m bench intake list import timers`."""
