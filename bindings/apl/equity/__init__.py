"""Who has how much: inequality of an APL, what a change of it comes from, and who will leave."""
