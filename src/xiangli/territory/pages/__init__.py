"""Pages of territory for staff."""
