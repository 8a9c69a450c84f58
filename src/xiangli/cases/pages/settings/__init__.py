"""Pages of a county's administrator: categories with their limits, the list of responsibilities."""
