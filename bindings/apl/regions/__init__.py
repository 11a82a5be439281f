"""What regions do with the national classes: adapt, audit, who decides, revise."""
