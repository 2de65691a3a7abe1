from . import downloads as downloads
from . import progress as progress
from . import viewer as viewer
from . import worklist as worklist
