"""What django-allauth is told; imported by config.settings."""
