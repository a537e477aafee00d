"""How fast, and in how much memory, beside the bare tools and the obvious Python. `make bench` writes the table."""
