"""The same fits on a real Ray of two workers."""

from __future__ import annotations

import os
import signal
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from rdr_core.data.engines import RayCluster
from rdr_core.errors import ConfigError, DataError
from rdr_core.training.fit_faces import fit_faces
from rdr_core.training.targets import TargetTable

ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield RayCluster()
    ray.shutdown()


def test_the_table_is_the_same(cluster: RayCluster, drawn_faces: Any) -> None:
    fitted = fit_faces(drawn_faces.samples, mirror=True, engine=cluster)
    for column in TargetTable.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(fitted.table, column), getattr(drawn_faces.fits, column))
    assert fitted.failures == []
    assert (fitted.seconds > 0).all()
    assert ray.is_initialized()  # who joined leaves


def test_death_and_errors(cluster: RayCluster) -> None:
    def work(chunk: Any) -> Any:
        if chunk == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if chunk == "fail":
            raise DataError("no such face")
        return chunk, os.getpid()

    with closing(cluster.run(work, deque([0, "die", 1, 2]))) as results:
        found = dict(results)
    assert found.pop("die") is None
    assert {chunk: answer for chunk, (answer, _) in found.items()} == {0: 0, 1: 1, 2: 2}
    assert os.getpid() not in {pid for _, pid in found.values()}
    with pytest.raises(DataError, match=r"^no such face$"), closing(cluster.run(work, deque(["fail"]))) as results:
        next(results)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nowhere", "127.0.0.1:x"])
def test_a_cluster_that_is_not_there(address: str) -> None:
    ray.shutdown()
    with (
        pytest.raises(ConfigError, match=f"no Ray cluster answers at {address} .*ray start --head") as caught,
        closing(RayCluster(address).run(str, deque([1]))) as results,
    ):
        next(results)
    assert "\n" not in str(caught.value)
