"""What a run leaves: JSON, a Markdown table, pictures."""
