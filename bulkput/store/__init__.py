"""State kept in S3, so that it outlives the machine: objects, cuts of ledgers, who may write."""
