from . import (
    point_charts as point_charts,
)
from .reliability import (
    plot_reliability as plot_reliability,
)
