from .findings import (
    Findings as Findings,
)
from .findings import (
    Refusal as Refusal,
)
from .findings import (
    SliceFinding as SliceFinding,
)
from .paths import (
    group_refusals as group_refusals,
)
from .paths import (
    list_files as list_files,
)
from .paths import (
    name_together as name_together,
)
from .paths import (
    read_paths as read_paths,
)
from .reader import (
    Reader as Reader,
)
from .reader import (
    decide_anew as decide_anew,
)
from .verdict import (
    RULE as RULE,
)
