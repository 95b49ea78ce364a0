"""Volumes in processes of their own."""
