from .backbone import (
    BACKBONE_FILES as BACKBONE_FILES,
    INPUT as INPUT,
    MAPS as MAPS,
    load_backbone as load_backbone,
)
from .file import (
    name_backbone as name_backbone,
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
    predict_together as predict_together,
)
