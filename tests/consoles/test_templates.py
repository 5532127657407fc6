"""Templates that say what they need: a macro knows the page's names only when it is given them."""

from pathlib import Path

from jinja2 import meta, nodes

from tawsil.consoles import pages

ENVIRONMENT = pages._environment
TEMPLATES = Path(pages.__file__).parent / "templates"


def test_what_is_imported_without_the_page_needs_nothing_of_it() -> None:
    missing: dict[str, set[str]] = {}
    for path in sorted(TEMPLATES.rglob("*.html")):
        for node in ENVIRONMENT.parse(path.read_text()).find_all(nodes.FromImport):
            if node.with_context:
                continue
            source = (TEMPLATES / node.template.value).read_text()
            needs = meta.find_undeclared_variables(ENVIRONMENT.parse(source))
            if unknown := needs - set(ENVIRONMENT.globals):
                missing[f"{path.relative_to(TEMPLATES)} from {node.template.value}"] = unknown
    assert missing == {}
