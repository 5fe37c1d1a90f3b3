"""How Sphinx builds the site: `make docs`. The pages of rules, schedules, stages and errors are made as it begins."""

import sys
from importlib.metadata import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import thincopt  # noqa: E402

project = "thincopt"
author = "the authors of thincopt"
release = version = thincopt.__version__

extensions = ["myst_parser", "sphinx_copybutton", "website.directives", "website.generating", "website.tables"]
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in signatures are not all ours
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = "thincopt"
html_logo = "_static/logo.svg"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_context = {"repository": metadata("thincopt").get("Home-page")}  # setup.cfg's url, if there is one
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/version.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_css_files = ["style.css"]
exclude_patterns = ["_templates", "**/__pycache__"]
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

FONTS = {
    "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif",
    "font-stack--monospace": "ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}
html_theme_options = {
    "sidebar_hide_name": True,
    "light_css_variables": {
        **FONTS,
        "color-brand-primary": "#22304f",
        "color-brand-content": "#b4471f",
        "color-brand-visited": "#8c4a2f",
        "color-foreground-primary": "#1d2536",
        "color-background-primary": "#fdfcfa",
        "color-background-secondary": "#f5f2ec",
        "color-background-border": "#e6e0d5",
        "color-code-background": "#f6f3ed",
    },
    "dark_css_variables": {
        **FONTS,
        "color-brand-primary": "#e8e4da",
        "color-brand-content": "#f0966b",
        "color-brand-visited": "#cf9277",
        "color-foreground-primary": "#dcdad4",
        "color-background-primary": "#141821",
        "color-background-secondary": "#1a1f2b",
        "color-background-border": "#2b3242",
        "color-code-background": "#1b212e",
    },
}
