"""Event files brought in by hand: they land as they are, unless prompts stand in them, which no event file may hold.

What belongs here: what of such a file lands. What does not: files of other dialects (`call_logs.py`), and loading
(`load.py`). A file always gives the same content, so that bringing it in again counts nothing twice.
"""

import gzip
import json
import re

from meterhouse.events.judging import judged, landing_line, open_judge
from meterhouse.events.kinds import PROMPT_FIELDS
from meterhouse.events.lines import read_lines

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_PROMPTS = re.compile(rf'"(?:{"|".join(field.name for field in PROMPT_FIELDS)})"')


def landing_content(name: str, content: bytes) -> tuple[str, bytes]:
    """What of an event file lands.

    Args:
        name: Name of the file; it ends in one of `SUFFIXES`.
        content: The file.

    Returns:
        Suffix and content of the landing file: those of the file, or, where it mentions prompts, its events in native
        form without them, each on the line where it stood. A bad line stays as it is, without its prompts; what is
        broken about the file, or a line that is not UTF-8, becomes a line that says so and will be refused.
    """
    with open_judge() as connection:
        lines = read_lines(name, content, connection)
        texts = [*lines.table["line"].to_list(), lines.tail or ""]
        if not any(map(_PROMPTS.search, texts)):
            return next(suffix for suffix in SUFFIXES if name.endswith(suffix)), content
        connection.register("lines", lines.table)
        rows = connection.execute(
            f"""SELECT file_line, CASE WHEN is_utf8 THEN {landing_line("judged", leaves_out=())}
                ELSE to_json({{refused: reason}})::VARCHAR END
            FROM ({judged("lines")}) AS judged JOIN lines USING (file_line)"""  # noqa: S608
        ).fetchall()
    landing = dict(rows)
    last = max(landing, default=0)
    landed = [landing.get(number, "") for number in range(1, last + 1)]
    if lines.damage is not None:
        landed.append(json.dumps({"refused": lines.damage}))
    return ".jsonl.gz", gzip.compress("".join(f"{line}\n" for line in landed).encode(), mtime=0)
