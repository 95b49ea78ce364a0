"""One volume becomes one snapshot."""
