"""What the systems of the paper and their rivals are made of, in one table."""
