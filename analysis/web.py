"""Put a page together: one file of HTML that asks nobody for anything."""

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rnnexp.output import visible

SHARED = "rnnexp.analysis"  # whose templates are for all pages: the head, and the style


def rendered(package: str, template: str, content: dict[str, Any], style: str = "", script: str = "") -> str:
    """Return the page that a template makes of its content.

    The template escapes all text and writes signs out that do not show; it takes as markup what is Markup. The
    page's policy lets no other script run than its own, and nothing be loaded.

    Parameters
    ----------
    package : has templates/, with the template, which fills the blocks "title" and "body" of whole.html, and
        style and script: files of CSS, which follows that of all pages, and of JavaScript.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(SHARED)]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    code = text(package, script) if script else ""
    return environment.get_template(template).render(
        content,
        style=Markup(text(SHARED, "page.css") + (text(package, style) if style else "")),
        script=Markup(code),
        script_digest=digest(code),
    )


def text(package: str, name: str) -> str:
    """Return a file beside the templates of a package."""
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8")


def digest(script: str) -> str:
    """Return the digest by which the page's policy knows its own script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
