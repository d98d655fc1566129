"""The terminal is installed without the server: it must not need, nor load, any of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import edge_agent

# Names that may not be loaded: Django, what runs on it, and the vendors' libraries, which only a
# driver that is used may import.
FORBIDDEN = (
    *("django", "rest_framework", "celery", "channels", "redis"),
    *("devices", "faces", "records", "menjin", "server_common", "console"),
    *("cv2", "gpiod", "onnxruntime", "faiss", "smbus2", "serial", "picamera2"),
)
PROGRAM = """
import importlib, json, pkgutil, sys
import edge_agent
names = [one.name for one in pkgutil.walk_packages(edge_agent.__path__, "edge_agent.")]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_no_module_of_the_agent_loads_the_server_or_a_vendor() -> None:
    reported = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    names, loaded = json.loads(reported.stdout)

    files = {
        path
        for path in Path(edge_agent.__file__).parent.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert len(names) >= len(files)
    assert sorted(set(FORBIDDEN) & set(loaded)) == []


def test_only_the_clock_asks_the_computer_for_the_time() -> None:
    folder = Path(edge_agent.__file__).parent
    asking = {
        path.name
        for path in folder.rglob("*.py")
        if "datetime.now(" in path.read_text() or "time.time(" in path.read_text()
    }

    assert asking == {"clock.py"}
