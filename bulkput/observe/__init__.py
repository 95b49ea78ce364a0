"""Listens to events and shows them to people and programs."""
