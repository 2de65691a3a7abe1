from . import (
    decider as decider,
    downloads as downloads,
    progress as progress,
    viewer as viewer,
    worklist as worklist,
)
