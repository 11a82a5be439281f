"""The commands of ``apl``, by whom they serve."""
