"""How sure a result is: what readings change, and what chance does."""
