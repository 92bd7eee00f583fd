"""Find out how a folder of photos is laid out and where their tags are. One file and one row of `LAYOUTS` each."""
