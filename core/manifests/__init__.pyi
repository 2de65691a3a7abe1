from .columns import (
    GROUPED_BY_STUDY as GROUPED_BY_STUDY,
    KEPT as KEPT,
    PRESUMED_ABSENT as PRESUMED_ABSENT,
    Manifest as Manifest,
    Problem as Problem,
    Row as Row,
    Source as Source,
)
from .findings import (
    FINDINGS as FINDINGS,
    Finding as Finding,
    get_finding as get_finding,
    list_sources_without as list_sources_without,
    warn_of_sources as warn_of_sources,
)
from .folders import (
    describe_folder as describe_folder,
)
from .kept_aside import (
    is_kept_aside as is_kept_aside,
)
from .layouts import (
    Kind as Kind,
    Layout as Layout,
    Line as Line,
)
from .source_facts import (
    name_sources_file as name_sources_file,
)
from .table import (
    find_manifest as find_manifest,
    read_manifest as read_manifest,
)
from .writing import (
    join_manifest as join_manifest,
    place_layout as place_layout,
    write_manifest as write_manifest,
)
