"""What one command does, from settings to outcome: one file a verb."""
