"""What is left after the machine was cut off in the middle of work."""
