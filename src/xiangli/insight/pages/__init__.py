"""Pages of insight for staff."""
