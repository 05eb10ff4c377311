"""``python -m aftercancel``: the command, where its script is not on the PATH."""

from aftercancel.cli import main

if __name__ == "__main__":
    main()
