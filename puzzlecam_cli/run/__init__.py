"""What is on disk, and why it can be trusted."""
