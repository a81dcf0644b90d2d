import json

import baton_vllm

from .support import ROOT, library


def test_package_library_and_tree_have_one_version() -> None:
    version = json.loads((ROOT / "package.json").read_text())["version"]
    assert baton_vllm.__version__ == version
    assert library().version == version
    assert f'version = "{version}"' in (ROOT / "engines/vllm/pyproject.toml").read_text()
