"""The three networks and the backbones they share."""
