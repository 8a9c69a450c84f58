"""What insight reads. Every reader takes the actor."""
