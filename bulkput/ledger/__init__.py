"""What is known to be in a snapshot: the digest table and its file."""
