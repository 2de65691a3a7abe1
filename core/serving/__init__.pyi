from .file import (
    shrink as shrink,
)
from .members import (
    name_members as name_members,
)
from .model import (
    BATCH_SIZE as BATCH_SIZE,
    MemberModel as MemberModel,
    Served as Served,
    ServedModel as ServedModel,
)
