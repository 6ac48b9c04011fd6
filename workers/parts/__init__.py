"""What is neither a base nor stacked on one, one kind per file; each ends with ``part = …``. None imports torch."""
