project = "units"
extensions = ["sphinx.ext.autodoc"]
html_theme = "furo"
templates_path = ["_templates"]
