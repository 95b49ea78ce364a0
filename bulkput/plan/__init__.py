"""Which blocks will be considered, and what that costs."""
