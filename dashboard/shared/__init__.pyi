from . import (
    case_links as case_links,
    charts as charts,
    components as components,
    datasets as datasets,
    figures as figures,
    loaders as loaders,
    mark_charts as mark_charts,
    overlays as overlays,
    page_scripts as page_scripts,
    records as records,
    state as state,
)
from .case_links import (
    SCORE_PLOT as SCORE_PLOT,
    list_filters as list_filters,
    request_cases as request_cases,
)
from .charts import (
    CONFIG as CONFIG,
    MARGIN as MARGIN,
    compose as compose,
    fade as fade,
    shorten as shorten,
    write_title as write_title,
)
from .components import (
    DISCLAIMER as DISCLAIMER,
    SIGNS as SIGNS,
)
from .datasets import (
    Progress as Progress,
    compute_once as compute_once,
)
from .mark_charts import (
    Mark as Mark,
)
from .overlays import (
    ScaleRow as ScaleRow,
    to_thumbnail as to_thumbnail,
)
from .palette import (
    DASHES as DASHES,
    MARKERS as MARKERS,
    WORDS as WORDS,
    Palette as Palette,
    write_percent as write_percent,
)
from .records import (
    Scene as Scene,
)
