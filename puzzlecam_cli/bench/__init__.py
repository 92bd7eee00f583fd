"""What a recipe will take on this machine, measured on a few photos."""
