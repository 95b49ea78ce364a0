"""What is made of completed snapshots: the account opened for it, and its place in a job."""
