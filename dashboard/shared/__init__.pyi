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
    DATA_OF_VALIDATION as DATA_OF_VALIDATION,
    SCORE_PLOT as SCORE_PLOT,
    SLICES_OF as SLICES_OF,
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
    LIGHT as LIGHT,
    MARKERS as MARKERS,
    OUTCOME_SIGNS as OUTCOME_SIGNS,
    WORDS as WORDS,
    Palette as Palette,
    format_duration as format_duration,
    name_finding as name_finding,
    write_percent as write_percent,
)
from .records import (
    Scene as Scene,
)
