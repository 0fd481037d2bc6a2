"""How Sphinx makes the site of these pages: `nox -s docs`. In the tox environment `docs` a warning is an error."""

project = "SignalPy"
copyright = "SignalPy contributors"  # noqa: A001  # the name that Sphinx reads
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "SignalPy"
exclude_patterns = ["generate"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_default_options = {"exclude-members": "model_config, model_post_init"}
autodoc_preserve_defaults = True
