"""Puts of one snapshot, spread over several processes."""
