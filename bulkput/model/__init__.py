"""The vocabulary that every other room shares: blocks, units, errors, events, the clock.

Imports nothing of the project, performs no I/O.
"""
