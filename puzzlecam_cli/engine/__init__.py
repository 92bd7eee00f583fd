"""What the stages share: one training loop, one way to walk over photos, one pool for work without a network."""
