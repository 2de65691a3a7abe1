from . import (
    laboratory as laboratory,
    leaks as leaks,
    numbers as numbers,
    shortcut as shortcut,
    source as source,
)
from .laboratory import (
    Source as Source,
)
