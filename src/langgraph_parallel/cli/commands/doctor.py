"""The command `doctor`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    BaseUrlOption,
    ListFormat,
    ListFormatOption,
    ModelOption,
)
from langgraph_parallel.cli.panels import LIMITS_PANEL, MODEL_PANEL
from langgraph_parallel.cli.spelled import spell_out

NoEndpointOption = Annotated[
    bool, typer.Option("--offline", help="Ask no endpoint.", rich_help_panel=MODEL_PANEL)
]
RequestTimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        min=0.001,
        metavar="SECONDS",
        help="Maximum time for one request.",
        rich_help_panel=LIMITS_PANEL,
    ),
]


@spell_out
def doctor(
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    offline: NoEndpointOption = False,
    timeout: RequestTimeoutOption = 60.0,
    format: ListFormatOption = ListFormat.text,
) -> int:
    """Say what is installed, which keys and models are found, and what the endpoint can do.

    Without --offline, about ten tiny calls find out what the endpoint takes. No key is ever shown.
    """
    from langgraph_parallel.catalogue.spelling import naming
    from langgraph_parallel.cli.checks import limit_fields, make_limits
    from langgraph_parallel.cli.doctor.diagnose import diagnose
    from langgraph_parallel.cli.doctor.rendering import doctor_json, doctor_text
    from langgraph_parallel.cli.exit_codes import FOUND, OK
    from langgraph_parallel.cli.writing import color_for, shows_signs, write_text
    from langgraph_parallel.runtime.models import check_form

    make_limits(limit_fields(timeout=timeout))
    if model is not None:
        with naming("--model"):
            check_form(model)
    diagnosis = diagnose(model, offline=offline, timeout=timeout)
    if format is ListFormat.json:
        write_text(doctor_json(diagnosis))
    else:
        write_text(doctor_text(diagnosis, signs=shows_signs(), color=color_for(None)))
    return OK if diagnosis.ok else FOUND
