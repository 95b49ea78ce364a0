"""``bulkput copy``: a snapshot becomes another one, in another Region or account."""
