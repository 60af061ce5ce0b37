"""The API does what its OpenAPI contract says: thousands of made-up requests, right ones and wrong ones.

By schemathesis, in a process of its own: its plugin would slow every other test down.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.integration.test_api import TOPICS, serving
from tests.making import bring, discover, make_classified, make_flag
from workers.deliver.api.app import make_api
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.overview import record_tick

#: Left out: that every request of the right shape is accepted (a topic must be one that there is), and what is said of
#: methods that an address has not.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection"
)


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed: pip install -e .[dev]")
@pytest.mark.timeout(240)
def test_requests_of_every_shape_are_answered_as_the_contract_says(engine: Engine, tmp_path: Path) -> None:
    record_tick(engine, "sweep")
    bring(engine, discover(engine, 9), State.CLASSIFIED, [make_classified(i, make_flag("sanctions")) for i in range(9)])
    with engine.begin() as connection:
        number(connection)
    with serving(make_api(engine, lambda: TOPICS, "1", rate=0)) as api:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.base_url}/openapi.json"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--max-time", "120"),
                *("--checks", CHECKS, "--seed", "1", "--request-timeout", "70", "--no-color"),
                *("--exclude-path", "/v1/stream"),  # has no end
            ],
            capture_output=True,
            text=True,
            timeout=220,
            check=False,
            cwd=tmp_path,  # it leaves a folder behind
        )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]
    assert "Tested: " in done.stdout
