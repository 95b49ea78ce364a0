"""Many machines: who may use how much of the account's quota, and what starts where."""
