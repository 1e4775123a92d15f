"""What the files of the page may not contain, and that the vendored ones are what they say."""

import json
import re
from pathlib import Path

import pytest

from scripts import vendor
from tests.web.stage import WEB

OWN = sorted(path for path in WEB.rglob("*") if path.is_file() and "vendor" not in path.relative_to(WEB).parts)
MODULES = [path for path in OWN if path.suffix == ".js"]
PAGES = [path for path in OWN if path.suffix == ".html"]
NAMESPACES = {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_file_names_another_address(path: Path) -> None:
    assert set(re.findall(r"\bhttps?://[^\s\"'`<>)]+", path.read_text())) <= NAMESPACES


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_every_address_is_relative_so_that_a_proxy_may_put_the_page_anywhere(path: Path) -> None:
    assert re.findall(r"""(?:href|src|url|fetch|import|from)\s*[=:(]?\s*["'(`]/[^/]""", path.read_text()) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_has_neither_inline_scripts_nor_inline_styles(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_never_turns_data_into_markup(path: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|\beval\(|new Function"
    assert re.findall(forbidden, path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_stays_short(path: Path) -> None:
    assert path.read_text().count("\n") < 300


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
