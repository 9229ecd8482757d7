"""Fetches what our pages load, so that they need no other host when they are served.

    python tools/vendor_assets.py          fetch again, and check against the committed checksums
    python tools/vendor_assets.py --trust  fetch, and write new checksums (after a new version)

The packages come from npm (`npm pack`), in the versions below. Their files, unchanged, are written
into a folder of the package that serves them, beside `vendor.json`, which holds version, licence
and SHA-256 of each. A file that differs from its committed checksum is refused.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

API = Path(__file__).resolve().parents[1] / "ratchet_core" / "api"

#: Names, in lower case, that a package's licence may have.
LICENCES = {"package/license", "package/license.md", "package/license.txt"}
#: Folder to its packages, each to its files and what they are called here.
PACKAGES = {
    "graphql/static": {
        "react@18.3.1": {"umd/react.production.min.js": "react.production.min.js"},
        "react-dom@18.3.1": {"umd/react-dom.production.min.js": "react-dom.production.min.js"},
        "graphiql@3.8.3": {
            "graphiql.min.js": "graphiql.min.js",
            "graphiql.min.css": "graphiql.min.css",
        },
        "graphql-ws@5.16.2": {"umd/graphql-ws.min.js": "graphql-ws.min.js"},
    },
    "door/static": {
        "swagger-ui-dist@5.35.0": {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui.css": "swagger-ui.css",
        },
    },
}


def fetch(
    package: str, files: dict[str, str], folder: Path
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what is to be noted of a package, and its files by the name they get here."""
    command = ["npm", "pack", package, "--pack-destination", str(folder), "--silent"]
    packed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)  # noqa: S603 - constant
    with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as archive:
        members = {name: read(archive, f"package/{name}") for name in files}
        about = json.loads(read(archive, "package/package.json"))
        licence = [item.name for item in archive if item.name.lower() in LICENCES]
        text = read(archive, licence[0]).decode() if licence else ""
    contents = {files[name]: content for name, content in members.items()}
    note = {
        "package": package,
        "licence": about["license"],
        "homepage": about.get("homepage", ""),
        "licence_text": text,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    return note, contents


def read(archive: tarfile.TarFile, name: str) -> bytes:
    """Return one file of an archive."""
    member = archive.extractfile(name)
    if member is None:
        sys.exit(f"{name} is no file")
    return member.read()


def main() -> None:
    """Fetch all packages and write their files."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--trust", action="store_true", help="write new checksums")
    trust = options.parse_args().trust
    for name, packages in PACKAGES.items():
        vendor(API / name, packages, trust=trust)


def vendor(static: Path, packages: dict[str, dict[str, str]], *, trust: bool) -> None:
    """Fetch the packages of one folder and write their files."""
    lock = static / "vendor.json"
    notes, contents = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for package, files in packages.items():
            note, found = fetch(package, files, Path(folder))
            notes.append(note)
            contents.update(found)
    if not trust and json.loads(lock.read_text(encoding="utf-8")) != notes:
        sys.exit(f"what was fetched is not what {lock} says; nothing was written")
    for name, content in contents.items():
        (static / name).write_bytes(content)
    lock.write_text(json.dumps(notes, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(contents)} files are in {static}\n")


if __name__ == "__main__":
    main()
