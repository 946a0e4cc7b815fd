"""Extract articles from files on a Dask cluster and index them: SCHEDULER FOLDER INDEX FILE...

All workers need newsgrep, and the same paths for FILE and for FOLDER, which receives the articles.
"""

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from dask.distributed import Client, as_completed

NEWSGREP = (sys.executable, "-m", "newsgrep")


def extract(file: str, folder: str) -> tuple[str, int, list[str]]:
    """Write the articles of ``file`` to a file in ``folder``; return its path, and what is in it.

    It appears when it is complete: any number of attempts, also at once, have the same result.
    """
    part, articles, errors = Path(folder, f"{uuid4().hex}.part"), 0, list[str]()
    command = (*NEWSGREP, "extract", "--jsonl", file)
    with part.open("wb") as output, subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            record = json.loads(line)
            if record["reason"] is None:
                articles += output.write(line) and 1
            else:
                errors.append(f"{record['path']}: {record['reason']}")
    if process.returncode not in {0, 1, 2}:  # ended by a signal: Dask tries again
        raise RuntimeError(f"newsgrep extract {file} ended with status {process.returncode}")
    return str(part.replace(Path(folder, sha256(file.encode()).hexdigest()))), articles, errors


def main(scheduler: str, folder: str, index: str, *files: str) -> int:
    """Extract all files, print a report, index the articles, and return the exit status."""
    failed = 0
    everything = Path(folder, "all.jsonl")
    with Client(scheduler) as client, everything.open("wb") as output:
        futures = {client.submit(extract, file, folder, retries=3): file for file in files}
        for future in as_completed(futures):
            if (error := future.exception()) is None:  # waits, if the worker was lost
                name, articles, errors = future.result()
                print(f"{futures[future]}: {articles} articles", *errors, sep="\n  ")
                with Path(name).open("rb") as source:
                    shutil.copyfileobj(source, output)
            else:
                failed += 1
                print(f"{futures[future]}: failed: {error}")
    with everything.open("rb") as source:
        command = (*NEWSGREP, "index", "-", "--records", "jsonl", "--index", index)
        status = subprocess.run(command, stdin=source, check=False).returncode
    return 2 if failed else status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
