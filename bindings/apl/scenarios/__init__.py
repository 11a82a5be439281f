"""What would be with more or fewer professionals: one FTE, some, and the best places for them."""
