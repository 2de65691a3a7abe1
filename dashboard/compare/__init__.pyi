from . import operating_point as operating_point
from . import paired_tests as paired_tests
from . import slice_counts as slice_counts
from . import tabs as tabs
