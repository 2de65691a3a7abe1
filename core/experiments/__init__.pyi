from .cards import (
    check_name as check_name,
)
from .experiment import (
    Experiment as Experiment,
)
from .folders import (
    CARD_NAME as CARD_NAME,
    SHIPPED as SHIPPED,
    default_experiment as default_experiment,
    default_name as default_name,
    default_names as default_names,
    find_experiment as find_experiment,
    is_taken as is_taken,
    list_experiments as list_experiments,
    model_roots as model_roots,
    models_root as models_root,
    open_experiment as open_experiment,
    open_panel as open_panel,
    read_experiment as read_experiment,
    sort_panel as sort_panel,
)
from .publishing import (
    add_files as add_files,
    check_writable as check_writable,
    delete_experiment as delete_experiment,
    publish as publish,
    update_card as update_card,
    write_experiment as write_experiment,
)
from .scope import (
    describe_scope as describe_scope,
    find_published_source as find_published_source,
    list_limits as list_limits,
)
from .tables import (
    OPTIONAL_TABLES as OPTIONAL_TABLES,
    TABLES as TABLES,
    parse_table as parse_table,
    write_table as write_table,
)
from .versions import (
    read_history as read_history,
    succeed as succeed,
    tell_change as tell_change,
)
