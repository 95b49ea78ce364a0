"""Calls of Systems Manager and KMS, in the JSON 1.1 protocol: one noun a file."""
