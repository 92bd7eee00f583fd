"""What a person sees. Views read events and files of a run; they change nothing."""
