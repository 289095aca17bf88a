"""The studies made anew: each script runs, and its tables and its picture take the places of those on its page.

What the pages say about the tables is for their author to look through.

    python benchmarks/renew_studies.py [heterogeneity | parameters | rates | stability ...]
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAGES = FOLDER.parent / "docs" / "studies"
STUDIES = sorted(path.stem.removeprefix("study_") for path in FOLDER.glob("study_*.py") if path.stem != "study_plots")
BLOCK = re.compile(r"```text\n(.*?)\n```", re.DOTALL)
DATE = re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}")


def renewed(page: str, printed: str, date: datetime.date) -> str:
    """The page with what was printed as its blocks: all in one, or one for each table that blank lines set apart."""
    count = len(BLOCK.findall(page))
    tables = [printed.strip("\n")] if count == 1 else [table.strip("\n") for table in re.split(r"\n\s*\n", printed)]
    tables = [table for table in tables if table]
    if len(tables) != count:
        raise ValueError(f"the page has {count} tables, the script prints {len(tables)}")
    following = iter(tables)
    page = BLOCK.sub(lambda _: f"```text\n{next(following)}\n```", page)
    return DATE.sub(f"{date.day} {date:%B %Y}", page, count=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=", ".join(STUDIES))
    for name in parser.parse_args().studies or STUDIES:
        if name not in STUDIES:
            parser.error(f"no study {name!r}: {', '.join(STUDIES)}")
        picture = PAGES / f"{name}.png"
        command = [sys.executable, str(FOLDER / f"study_{name}.py"), "--plot", str(picture)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
        tables = "\n".join(line for line in printed.split("\n") if not line.startswith(str(picture)))
        page = PAGES / f"{name}.md"
        page.write_text(renewed(page.read_text("utf-8"), tables, datetime.date.today()), "utf-8")
        print(f"{page.relative_to(FOLDER.parent)}: renewed", flush=True)


if __name__ == "__main__":
    main()
