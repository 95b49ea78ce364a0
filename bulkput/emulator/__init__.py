"""An embedded server that speaks the EBS direct API; imports nothing else of bulkput."""
