"""A report of a run as one page: read off the stream of events, drawn, and written."""
