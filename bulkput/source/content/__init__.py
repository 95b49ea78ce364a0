"""What the bytes of a disk look like: its signs, its partition tables, and what is odd in them."""
