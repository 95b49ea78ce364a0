"""The competitors: each a whole program that uploads one file, run as its own process."""
