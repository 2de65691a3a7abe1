from . import laboratory as laboratory
from . import leaks as leaks
from . import numbers as numbers
from . import source as source
from .laboratory import (
    Source as Source,
)
