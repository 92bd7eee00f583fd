"""What the methods cost beside their plain formulations, measured on this machine."""
