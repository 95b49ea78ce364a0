"""The EC2 calls around a snapshot's life: one noun a file, forms and answers by AWS's own model."""
