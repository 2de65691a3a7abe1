from . import laboratory as laboratory, leaks as leaks, numbers as numbers, source as source
from .laboratory import (
    Source as Source,
)
