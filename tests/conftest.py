"""For all tests: no test is timed, the collector looks at what tests make and not at what they
import, and what must be in the environment before anything imports Ray.

Ray reads these when it is imported, and some test module will import it before a fixture has
started a cluster.
"""

import gc
import os

from hypothesis import HealthCheck, settings

# How long an example takes says what else the machine does, nothing of the code.
settings.register_profile("maxray", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("maxray")

os.environ.update(
    {
        # Addresses on the loopback stay what they are (see storage/embedded/server_ray.py).
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # A cluster's token is read later, from the file that its fixture names.
        "RAY_AUTH_MODE": "token",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_num_grpc_internal_threads": "1",
    }
)


def pytest_collection_finish() -> None:
    """Modules, and the tests themselves, stay to the end: millions of objects that each full
    collection would go through again, a tenth of a part's processor time.
    """
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)
