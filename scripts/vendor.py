"""Brings the browser libraries of the table below from npm into the tree, each with its version, licence and checksum.

    python scripts/vendor.py           fetch everything again and rewrite the manifests (needs npm and the network)
    python scripts/vendor.py --check   compare what lies in the tree with its manifests (needs neither)

To update a library, change its version here, run the first command, run the tests, and commit what changed.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "src/balanza/web/vendor"
TESTS = ROOT / "tests/web/vendor"
MANIFEST = "manifest.json"
SOURCE_MAP = re.compile(r"(//|/\*)# sourceMappingURL=\S+?( ?\*/)?\s*$")


@dataclass(frozen=True)
class Package:
    """One npm package: which of its files are wanted, and under which name each lies in `folder`."""

    name: str
    version: str
    folder: str
    files: Mapping[str, str]
    why: str
    root: Path = WEB
    rewrites: Mapping[str, str] = field(default_factory=dict)
    """Bare imports, which a browser resolves only with an inline import map, become relative ones."""


PREACT = {'from"preact"': 'from"../preact/preact.js"', 'from"preact/hooks"': 'from"../preact/hooks.js"'}

TUS_HEAD = (
    '!function(t){"object"==typeof exports&&"undefined"!=typeof module?module.exports=t():"function"==typeof define&&'
    'define.amd?define([],t):("undefined"!=typeof window?window:"undefined"!=typeof global?global:"undefined"!=typeof '
    "self?self:this).tus=t()}(function(){return "
)

PACKAGES = (
    Package(
        "preact",
        "11.2.0",
        "preact",
        {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js", "LICENSE": "LICENSE"},
        "draws the page",
        rewrites={'from"preact"': 'from"./preact.js"'},
    ),
    Package("htm", "3.1.1", "htm", {"dist/htm.mjs": "htm.js", "LICENSE": "LICENSE"}, "templates without a build step"),
    Package(
        "@preact/signals-core",
        "1.14.5",
        "signals-core",
        {"dist/signals-core.mjs": "signals-core.js", "LICENSE": "LICENSE"},
        "values that know who reads them",
    ),
    Package(
        "@preact/signals",
        "2.11.4",
        "signals",
        {"dist/signals.mjs": "signals.js", "LICENSE": "LICENSE"},
        "redraws what reads a changed value",
        rewrites={**PREACT, 'from"@preact/signals-core"': 'from"../signals-core/signals-core.js"'},
    ),
    Package(
        "uplot",
        "1.6.32",
        "uplot",
        {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css", "LICENSE": "LICENSE"},
        "draws the charts of the fleet",
        # Half as long as the published module, which is not minified; only the first and last words change.
        rewrites={"var uPlot=function(){": "export default (function(){", "return en}();": "return en})();"},
    ),
    Package(
        "tus-js-client",
        "4.3.1",
        "tus",
        {"dist/tus.min.js": "tus.js", "LICENSE": "LICENSE"},
        "sends files so that they resume; loaded with the first upload",
        # The published bundle is a script that makes a global; only its first and last words change.
        rewrites={TUS_HEAD: "export default (function(){return ", "},{},[4])(4)});": "},{},[4])(4)})();"},
    ),
    Package(
        "hls.js",
        "1.7.4",
        "hls",
        {"dist/hls.light.min.mjs": "hls.js", "LICENSE": "LICENSE"},
        "plays previews while they grow; loaded with the first one",
    ),
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "swagger-ui",
        {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
            "swagger-ui.css": "swagger-ui.css",
            "LICENSE": "LICENSE",
            "NOTICE": "NOTICE",
        },
        "shows the API under /docs",
    ),
    Package(
        "axe-core",
        "4.14.1",
        "axe-core",
        {"axe.min.js": "axe.min.js", "LICENSE": "LICENSE", "LICENSE-3RD-PARTY.txt": "LICENSE-3RD-PARTY.txt"},
        "checks accessibility in the tests; not part of the program",
        root=TESTS,
    ),
)


@dataclass(frozen=True)
class Vendored:
    """An entry of a manifest: a package as it lies in the tree."""

    name: str
    version: str
    license: str
    folder: str
    why: str
    integrity: str
    """Of the package's archive, as npm publishes it."""
    sha256: Mapping[str, str]
    """Of each file, as it lies in the tree."""


def fetch(package: Package, scratch: Path) -> Vendored:
    """Writes the wanted files of `package` into the tree; npm has checked the archive's integrity."""
    command = ["npm", "pack", "--json", "--pack-destination", str(scratch), f"{package.name}@{package.version}"]
    reply = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=scratch).stdout)
    # npm 12 answers with an object by package name, earlier ones with a list.
    packed = next(iter(reply.values())) if isinstance(reply, dict) else reply[0]
    folder = package.root / package.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(scratch / packed["filename"]) as archive:
        described = json.loads(_member(archive, "package.json"))
        for source, target in package.files.items():
            (folder / target).write_bytes(_adapted(_member(archive, source), target, package.rewrites))
    return Vendored(
        name=package.name,
        version=package.version,
        license=described["license"],
        folder=package.folder,
        why=package.why,
        integrity=packed["integrity"],
        sha256={target: _sha256(folder / target) for target in sorted(package.files.values())},
    )


def problems(root: Path) -> Iterator[str]:
    """What is wrong below `root`: a file missing, changed, or in no manifest."""
    listed = {root / MANIFEST}
    for entry in json.loads((root / MANIFEST).read_text())["packages"]:
        for name, sha256 in entry["sha256"].items():
            path = root / entry["folder"] / name
            listed.add(path)
            if not path.is_file():
                yield f"{path.relative_to(ROOT)} is missing: run scripts/vendor.py"
            elif _sha256(path) != sha256:
                yield f"{path.relative_to(ROOT)} is not the file of the manifest: run scripts/vendor.py"
    for path in sorted(root.rglob("*")):
        if path.is_file() and path not in listed:
            yield f"{path.relative_to(ROOT)} is in no manifest: add it to scripts/vendor.py or delete it"


def fetch_all(packages: Sequence[Package] = PACKAGES) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        entries = [(package.root, fetch(package, Path(scratch))) for package in packages]
    for root in sorted({root for root, _ in entries}):
        about = "Written by scripts/vendor.py; do not edit."
        manifest = {"about": about, "packages": [asdict(entry) for where, entry in entries if where == root]}
        (root / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(f"package/{name}")
    if member is None:
        raise SystemExit(f"the archive has no file {name}")
    return member.read()


def _adapted(content: bytes, target: str, rewrites: Mapping[str, str]) -> bytes:
    """Without the reference to a source map that is not served, and with imports that a browser can follow."""
    if not target.endswith((".js", ".css")):
        return content
    text = content.decode()
    for bare, relative in rewrites.items():
        text = text.replace(bare, relative)
    return (SOURCE_MAP.sub("", text).rstrip() + "\n").encode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare the tree with its manifests")
    if not parser.parse_args().check:
        fetch_all()
    found = [problem for root in (WEB, TESTS) for problem in problems(root)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
