from .findings import (
    Findings as Findings,
    Refusal as Refusal,
    SliceFinding as SliceFinding,
)
from .paths import (
    group_refusals as group_refusals,
    list_files as list_files,
    name_together as name_together,
    read_paths as read_paths,
)
from .reader import (
    Reader as Reader,
    decide_anew as decide_anew,
)
from .verdict import (
    RULE as RULE,
)
