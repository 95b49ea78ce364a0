"""Listens to events and tells people and programs."""
