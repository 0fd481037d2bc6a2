"""Programs that show the framework at work; each is run with ``python -m signalpy.examples.<name>``."""
