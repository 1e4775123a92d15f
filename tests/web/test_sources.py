"""What the files of the page may not contain, and that the vendored ones are what they say."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import vendor
from tests.web.stage import WEB

OWN = sorted(path for path in WEB.rglob("*") if path.is_file() and "vendor" not in path.relative_to(WEB).parts)
MODULES = [path for path in OWN if path.suffix == ".js"]
PAGES = [path for path in OWN if path.suffix == ".html"]
NAMESPACES = {"http://www.w3.org/2000/svg"}


def found(pattern: str, paths: Sequence[Path]) -> dict[str, list[str]]:
    """What of the files matches, by their names."""
    each = {str(path.relative_to(WEB)): re.findall(pattern, path.read_text()) for path in paths}
    return {name: matches for name, matches in each.items() if matches}


def test_no_file_names_another_address() -> None:
    assert OWN
    addresses = found(r"\bhttps?://[^\s\"'`<>)]+", OWN)
    assert {name: set(named) - NAMESPACES for name, named in addresses.items() if set(named) - NAMESPACES} == {}


def test_every_address_is_relative_so_that_a_proxy_may_put_the_page_anywhere() -> None:
    assert found(r"""(?:href|src|url|fetch|import|from)\s*[=:(]?\s*["'(`]/[^/]""", OWN) == {}


def test_a_page_has_neither_inline_scripts_nor_inline_styles() -> None:
    assert PAGES
    assert found(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", PAGES) == {}


def test_a_module_never_turns_data_into_markup() -> None:
    assert MODULES
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|\beval\(|new Function"
    assert found(forbidden, MODULES) == {}


def test_a_module_stays_short() -> None:
    assert [path for path in MODULES if path.read_text().count("\n") >= 300] == []


@pytest.mark.parametrize("root", [vendor.WEB, vendor.TESTS], ids=["page", "tests"])
def test_vendored_files_are_those_of_the_manifest(root: Path) -> None:
    assert list(vendor.problems(root)) == []


@pytest.mark.parametrize("root", [vendor.WEB, vendor.TESTS], ids=["page", "tests"])
def test_every_vendored_package_says_its_version_its_licence_and_where_that_lies(root: Path) -> None:
    packages = json.loads((root / vendor.MANIFEST).read_text())["packages"]
    table = {(package.name, package.version) for package in vendor.PACKAGES if package.root == root}
    assert {(package["name"], package["version"]) for package in packages} == table
    for package in packages:
        assert package["license"]
        assert package["integrity"].startswith("sha512-")
        assert "LICENSE" in package["sha256"]


def test_a_changed_vendored_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    (tmp_path / "htm").mkdir()
    (tmp_path / "htm/htm.js").write_text("changed")
    entry = {"name": "htm", "folder": "htm", "sha256": {"htm.js": "0" * 64}}
    (tmp_path / vendor.MANIFEST).write_text(json.dumps({"packages": [entry]}))
    assert list(vendor.problems(tmp_path)) == ["htm/htm.js is not the file of the manifest: run scripts/vendor.py"]
