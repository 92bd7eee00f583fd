"""`python -m puzzlecam_cli` and `accelerate launch -m puzzlecam_cli`."""

from puzzlecam_cli.cli.app import main

if __name__ == "__main__":
    main()
