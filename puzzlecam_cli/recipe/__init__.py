"""YAML in, a validated frozen `Recipe` out."""
