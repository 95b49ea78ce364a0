"""What an upload would do and cost, without one call that changes anything."""
