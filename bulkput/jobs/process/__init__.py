"""What a process of the program does for itself and its children."""
