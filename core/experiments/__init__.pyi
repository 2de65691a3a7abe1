from .cards import (
    check_name as check_name,
)
from .experiment import (
    Experiment as Experiment,
)
from .folders import (
    CARD_NAME as CARD_NAME,
)
from .folders import (
    DEFAULT_NAME as DEFAULT_NAME,
)
from .folders import (
    DEFAULT_VARIABLE as DEFAULT_VARIABLE,
)
from .folders import (
    SHIPPED as SHIPPED,
)
from .folders import (
    default_experiment as default_experiment,
)
from .folders import (
    default_name as default_name,
)
from .folders import (
    find_experiment as find_experiment,
)
from .folders import (
    list_experiments as list_experiments,
)
from .folders import (
    models_root as models_root,
)
from .folders import (
    read_experiment as read_experiment,
)
from .publishing import (
    add_files as add_files,
)
from .publishing import (
    delete_experiment as delete_experiment,
)
from .publishing import (
    publish as publish,
)
from .publishing import (
    update_card as update_card,
)
from .publishing import (
    write_experiment as write_experiment,
)
from .tables import (
    OPTIONAL_TABLES as OPTIONAL_TABLES,
)
from .tables import (
    TABLES as TABLES,
)
from .tables import (
    parse_table as parse_table,
)
from .tables import (
    write_table as write_table,
)
