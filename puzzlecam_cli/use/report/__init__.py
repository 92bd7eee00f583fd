"""What a run's stored files say of it, gathered for its report; no network computes anything for it."""
