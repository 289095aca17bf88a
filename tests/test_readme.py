"""The README's example runs, and prints what the README says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/your_own_law.md"])
def test_the_example_prints_what_is_shown(page):
    text = (ROOT / page).read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    shown = re.search(r"```text\n(.*?)```", text, re.DOTALL).group(1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, page, "exec"), {})
    assert printed.getvalue() == shown


def test_every_script_named_exists():
    named = set(re.findall(r"(?:benchmarks|docs(?!/_build)|examples)/[\w./]+\.\w+", README))
    assert named
    assert all((ROOT / name).is_file() for name in named)
