"""What is made of completed snapshots: shares, copies, volumes, locks and images."""
