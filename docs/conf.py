"""How Sphinx builds these pages: `make docs`, everything from this checkout, nothing from the network."""

import inspect
import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

import sparsesim
import sparsesim.theory.logistic
import sparsesim.vocabulary
from sparsesim import provenance

HERE = Path(__file__).parent
ROOT = HERE.parent
BUILD = ROOT / "build"

project = "sparsesim"
author = "the authors of sparsesim"
copyright = author
release = version = str(provenance.attributes()["sparsesim_version"])

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md"]
nitpicky = True
default_role = "code"  # docstrings mark code by single backticks, as Markdown does
suppress_warnings = ["config.cache"]
html_theme = "furo"
html_title = "sparsesim"
html_show_copyright = html_copy_source = html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["pages.css"]
# Fonts are those of the reader's system, and so are formulas, which are text.
pygments_style = "default"
highlight_language = "none"  # formulas and tables are no Python

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
myst_links_external_new_tab = False

# Notebooks are computed when the pages are built, and again only after a change; an error in one fails the build.
nb_execution_mode = "cache"
nb_execution_cache_path = str(BUILD / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_ipywidgets_js = {}  # they would come from elsewhere
nb_merge_streams = True
nb_render_markdown_format = "gfm"

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

# Types of other packages, whose pages are elsewhere, and those of our own that are no part of the interface.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(np|numpy|xr|xarray|optax|jax|pathlib|collections|fractions|typing|omegaconf|rich|matplotlib|scipy)\b.*",
    ),
    ("py:.*", r"sparsesim\.(simulation\.plan|folder|theory\.logistic\.(class_means|recursion\._\w+))\b.*"),
    (
        "py:.*",
        r"(ArrayTree|Path|Mapping|Sequence|Iterable|Iterator|Callable|Any|ArrayLike|DictConfig|Console|Fraction|Figure)",
    ),
]

# Names that need no module beside them.
SINGLE = {*sparsesim.__all__, "Embedding", "run_sweep", "spectral_conflict", "advise", "read_counts", "read_text"}
COLON = "\ue000"
logger = logging.getLogger(__name__)


def plain_to_rst(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with Markdown's backticks: formulas keep their bars and stars, and stand as they are.

    An indented block behind an empty line is a formula or a table, set as it is; elsewhere what RST would read as
    markup is escaped.
    """
    del app, name, obj, options
    found: list[str] = []
    above, literal = 0, -1  # the indentation of the text above, and of the literal block that we are in
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            found.append(line)
            continue
        if literal >= 0 and indent < literal:
            literal = -1
            if found[-1].strip():
                found.append("")
        behind_a_gap = bool(found) and not found[-1].strip() and any(map(str.strip, found))
        if literal < 0 and behind_a_gap and indent > above and not re.match(r"\s*(-|\d+\.) ", line):
            found += [" " * above + "::", ""]
            literal = indent
        if literal >= 0:
            found.append(line)
            continue
        above = indent
        found.append("".join(part if i % 2 else _escaped(part) for i, part in enumerate(re.split("(`+[^`]*`+)", line))))
    # Of a property napoleon would take what is before a colon for a type.
    lines[:] = [line.replace(":", COLON) for line in found] if what in ("property", "attribute", "data") else found


def colons(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Behind napoleon: the colons that it was not shown."""
    del app, what, name, obj, options
    lines[:] = [line.replace(COLON, ":") for line in lines]


def _escaped(text: str) -> str:
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"([|*\\])", r"\\\1", text))


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Fields of named tuples are in the signature already."""
    del app, what, options, skipped
    if (inspect.getdoc(obj) or "").startswith("Alias for field number"):
        return True
    return None


def objects(app: Sphinx) -> dict[str, tuple[str, str]]:
    """Of every documented object, by each of the names that it goes by in the pages: its page and its anchor.

    Of two with a name the one that is less deep has it. Words of small letters alone are names of many things, and stay
    as they are but for those of the top.
    """
    documented = app.env.domains.python_domain.objects
    names = {full: [full] for full in documented}
    for package in (sparsesim.theory.logistic, sparsesim.vocabulary):
        for name in package.__all__:
            thing = getattr(getattr(package, name), "__module__", "")
            names.get(f"{thing}.{name}", []).append(f"{package.__name__}.{name}")
    found: dict[str, tuple[int, str]] = {}
    for full, aliases in names.items():
        for alias in aliases:
            parts = alias.split(".")
            for start in range(len(parts)):
                name = ".".join(parts[start:])
                if "." in name or name in SINGLE or re.match("[A-Z][a-z]+[A-Z]", name):
                    found[name] = min(found.get(name, (99, "")), (len(parts), full))
    return {name: (documented[full].docname, documented[full].node_id) for name, (_, full) in found.items()}


def link_code(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Code in the pages that names a documented object leads to it: `stability.feedbacks`, `compare`.

    In tables it may be broken after punctuation.
    """
    known = objects(app)
    for literal in list(doctree.findall(nodes.literal)):
        text, around, inside = literal.astext().removesuffix("()"), [], literal.parent
        while inside is not None:
            around.append(type(inside))
            inside = inside.parent
        if nodes.title in around or nodes.reference in around:
            continue
        if nodes.entry in around:
            pieces = re.split(r"(?<=[_./:=])(?=\w)", literal.astext())
            literal.clear()
            for i, piece in enumerate(pieces):
                literal += [nodes.raw("", "<wbr>", format="html"), nodes.Text(piece)][i == 0 :]
        if text in known:
            where, anchor = known[text]
            uri = app.builder.get_relative_uri(page, where) + "#" + anchor
            link = nodes.reference("", "", internal=True, refuri=uri)
            literal.replace_self(link)
            link += literal
        elif page == "results" and nodes.entry in around and not re.search(r"[/:]", text) and text.count(".") <= 2:
            logger.warning("%s of the results leads to no page of the API", text)


def link_repository(app: Sphinx, doctree: nodes.document) -> None:
    """Markdown files of the repository that are no pages come along as they are; MyST takes them for pages."""
    for link in list(doctree.findall(addnodes.pending_xref)):
        if link.get("refdomain") != "doc" or link.get("reftype") != "myst":
            continue
        page = Path(app.env.doc2path(app.env.docname))
        target = Path(os.path.normpath(page.parent / f"{link['reftarget'].removesuffix('.md')}.md"))
        absolute = Path(os.path.normpath(HERE / f"{link['reftarget'].removesuffix('.md').lstrip('/')}.md"))
        for path in (target, absolute):
            if not path.is_relative_to(HERE) and path.is_relative_to(ROOT) and path.is_file():
                file = addnodes.download_reference(reftarget="/" + os.path.relpath(path, HERE), refdoc=app.env.docname)
                file += link.children
                link.replace_self(file)
                break


def remote(app: Sphinx, exception: Exception | None) -> None:
    """Nothing that a page is shown with may come from the network."""
    if exception is not None or app.builder.format != "html":
        return
    parts = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"((?:https?:)?//[^\"]+)\"")
    for path in sorted(Path(app.outdir).rglob("*.html")):
        for address in parts.findall(path.read_text(encoding="utf-8")):
            logger.warning("%s takes %s from the network", path.name, address)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("autodoc-process-docstring", plain_to_rst, priority=300)  # before napoleon reads the sections
    app.connect("autodoc-process-docstring", colons, priority=900)
    app.connect("autodoc-skip-member", skip)
    app.connect("doctree-read", link_repository, priority=100)  # before files to come along are collected
    app.connect("doctree-resolved", link_code)
    app.connect("build-finished", remote)
