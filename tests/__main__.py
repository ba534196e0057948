"""`python -m tests`: makes the environment if needed and runs the whole suite; further words go to pytest.

Standard library only until pytest runs.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from run_demo import ROOT, SetupError, ensure_environment


def main(arguments: list[str]) -> int:
    try:
        python = ensure_environment([ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"])
    except SetupError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n✗ interrupted", file=sys.stderr)
        return 130
    return subprocess.run([str(python), "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
