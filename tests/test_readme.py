"""The README's example runs, and prints what the README says."""

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_example_prints_what_is_shown():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


def test_every_script_named_exists():
    root = Path(__file__).parent.parent
    named = set(re.findall(r"(?:benchmarks|docs|examples)/[\w./]+\.\w+", README))
    assert named
    assert all((root / name).is_file() for name in named)
