"""What notebooks load before they begin: nothing heavy that they do without."""

import ast
import subprocess
import sys

import pytest
from house.lines import ROOT

HEAVY = ("torchvision", "torch._dynamo", "sklearn", "nilearn", "distributed", "sympy")
CHOSEN = """
from lib.networks import load_network
load_network("resnet50-object").digest
"""


@pytest.mark.slow("loads all that the notebooks load")
def test_notebooks_load_no_heavy_module_that_they_do_without() -> None:
    """All that notebooks import of lib, and a miniature told from others; torchvision alone takes a second."""
    imports = {
        ast.unparse(node)
        for path in sorted((ROOT / "notebooks").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lib")
    }
    assert len(imports) > 40
    code = "\n".join([*sorted(imports), CHOSEN, f"import sys; print(*[m for m in {HEAVY} if m in sys.modules])"])
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout.strip()) == (0, ""), found.stderr
