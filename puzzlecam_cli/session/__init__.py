"""A command's whole work, for the command line and for Python: who does it, what is shown, and what is carried out."""
