"""When the next put may start, and whether a failed one is sent again."""
