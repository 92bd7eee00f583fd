"""`puzzlecam`, `python -m puzzlecam_cli` and `accelerate launch -m puzzlecam_cli`."""

from puzzlecam_cli.cli.start import prepare_start


def main() -> None:
    prepare_start()  # before imports that take a while
    from puzzlecam_cli.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
