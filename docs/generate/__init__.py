"""The pages below docs/reference, written from the code: `python -m docs.generate` writes them, `--check` compares.

They are kept in the repository, so that they can be read where they lie; a test holds them against the code.
"""
