from . import (
    by_source as by_source,
    looking as looking,
    operating_point as operating_point,
    paired_tests as paired_tests,
    slice_counts as slice_counts,
    tabs as tabs,
)
