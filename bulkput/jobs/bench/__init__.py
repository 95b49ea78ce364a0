"""What this host can do: measured without an account, and put into words."""
