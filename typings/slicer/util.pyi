# Slicer fills its packages when it starts, so that nothing of them can be read from files.
from typing import Any

def __getattr__(name: str) -> Any: ...
