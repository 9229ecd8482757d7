"""What `ratchet new` writes: which template becomes which file.

Templates are Jinja with `[[ … ]]`, so that the braces of scripts stay as they are.
"""

from __future__ import annotations

import importlib.resources
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import jinja2

from ratchet_core.errors import ConfigurationError

#: Kind to files: path below the new directory (a template too) to name of the template.
KINDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "task": {
            "metadata.json": "task_metadata.json.j2",
            "input.schema.json": "task_input.schema.json.j2",
            "output.schema.json": "task_output.schema.json.j2",
            "main.js": "task_main.js.j2",
            "tests/test-001.json": "task_test_001.json.j2",
            "tests/test-002.json": "task_test_002.json.j2",
        },
        "workflow": {
            "[[ module ]].yaml": "workflow.yaml.j2",
            "[[ module ]]_steps.py": "workflow_steps.py.j2",
            "test_[[ module ]]_steps.py": "workflow_test.py.j2",
            "README.md": "workflow_readme.md.j2",
        },
        "plugin": {
            "pyproject.toml": "plugin_pyproject.toml.j2",
            "README.md": "plugin_readme.md.j2",
            "src/[[ package ]]/__init__.py": "plugin_init.py.j2",
            "src/[[ package ]]/handler.py": "plugin_handler.py.j2",
            "src/[[ package ]]/py.typed": "plugin_py.typed.j2",
            "tests/test_[[ module ]].py": "plugin_test.py.j2",
        },
    }
)


def names_of(kind: str, name: str, label: str, description: str, version: str) -> dict[str, str]:
    """Return the variables of the templates.

    Args:
        kind: of `KINDS`.
        name: as given; a leading `ratchet-` of a plugin counts as written.
        label: for people; made of the name where it is empty.
        description: one sentence.
        version: semantic version.
    """
    short = name.removeprefix("ratchet-") if kind == "plugin" else name
    module = re.sub(r"\W", "_", short).lower()
    return {
        "name": short,
        "module": module,
        "package": f"ratchet_{module}",
        "distribution": f"ratchet-{short}",
        "class_name": "".join(part.capitalize() for part in module.split("_")),
        "label": label or short.replace("-", " ").replace("_", " ").capitalize(),
        "description": description,
        "version": version,
        "uuid": str(uuid.uuid4()),
    }


def write(kind: str, folder: Path, variables: Mapping[str, str]) -> list[Path]:
    """Write the files of a kind into a new directory; return them.

    Raises:
        ConfigurationError: the directory exists, or cannot be made.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        variable_start_string="[[",
        variable_end_string="]]",
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - what is written is no HTML
    )
    if folder.exists():
        raise ConfigurationError(f"{folder} exists already; choose another name or --path")
    texts = {
        folder / environment.from_string(target).render(variables): environment.get_template(
            template
        ).render(variables)
        for target, template in KINDS[kind].items()
    }
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from None
    return list(texts)


def _source(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
