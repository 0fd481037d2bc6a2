"""``python -m signalpy``: the command line."""

from signalpy.cli import main

if __name__ == "__main__":
    main()
