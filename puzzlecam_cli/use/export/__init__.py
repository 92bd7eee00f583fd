"""The segmentation network for other runtimes: written, then run on photos against the network itself."""
