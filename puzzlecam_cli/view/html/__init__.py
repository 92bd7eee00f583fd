"""Pages that need nothing but themselves: no network, no fonts, no scripts of others."""
