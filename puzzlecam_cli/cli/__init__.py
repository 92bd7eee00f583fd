"""The command line: thin, and quick to start. Nothing here imports PyTorch at the top of a file."""
