"""Ours against the published: the same codes, the gaps, and what they may come from."""
