"""What must be right before an upload begins: one file for each thing that is looked at."""
