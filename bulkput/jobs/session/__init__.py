"""What the verbs share while they run: the service, its limits, and the sources."""
