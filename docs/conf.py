"""Sphinx's configuration: the Markdown pages of this folder as a site, with the docstrings."""

import cdiff

project = "cdiff"
copyright = "the cdiff developers"
author = "The cdiff developers"
version = release = cdiff.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"  # the docstrings say it in words
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # fields of named tuples are described once
# NumPy's own docstrings, on methods of Array, refer to pages of NumPy.
suppress_warnings = ["ref.ref", "ref.python"]
html_theme = "furo"
html_title = f"cdiff {release}"
