"""Make core/audit/known_pictures.npz from the published set.

python -m tests.make_known_pictures FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.audit.known_pictures import KNOWN_FILE, pack_known_pictures
from core.datasets import index_dataset
from core.system import write_whole

if __name__ == "__main__":
    write_whole(KNOWN_FILE, pack_known_pictures(index_dataset(Path(sys.argv[1]))))
