"""What this project claims on published ground, recomputed and held against its sources."""
