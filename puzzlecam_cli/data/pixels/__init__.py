"""From bytes to pixels, and what is wrong with them."""
