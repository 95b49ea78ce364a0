"""Moves blocks from a source to a snapshot; knows no YAML and no terminal."""
