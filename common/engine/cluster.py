"""The cluster that `TF_CONFIG` describes, read and checked without TensorFlow.

What is wrong in it is refused before anything starts: TensorFlow would wait for a task
that never comes, or take it for another one.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

_JOBS = ("chief", "worker")
_RULE = (
    "The tasks of TF_CONFIG are one chief, or none, and workers: all of them train, "
    "the first evaluates as well, and parameters need no server"
)
_ADDRESS = re.compile(r"(\[[\da-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})", re.ASCII)


def described() -> dict[str, Any]:
    """Returns the jobs of `TF_CONFIG`, unchecked; empty if it names no cluster.

    Raises:
      ValueError: it is not what TensorFlow could read.
    """
    return _config().get("cluster", {})


def check() -> int:
    """Checks the cluster of `TF_CONFIG` and this process's place in it.

    Returns:
      The number of its tasks; 0 if there is no cluster.

    Raises:
      ValueError: names what no run could begin with.
    """
    jobs = described()
    if not jobs:
        return 0
    for job, addresses in jobs.items():
        _check_job(job, addresses)
    tasks = [address for addresses in jobs.values() for address in addresses]
    _check_addresses(tasks)
    _check_task(_config().get("task"), jobs)
    if len(tasks) == 1:
        raise ValueError(
            "A cluster has two tasks or more: add the others to TF_CONFIG, or compute "
            "on this machine alone with --strategy=one_device or --strategy=mirrored. "
            f"Received: cluster={_shown(jobs)}"
        )
    return len(tasks)


def _config() -> dict[str, Any]:
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or (config and "cluster" not in config):
        raise ValueError(
            "TF_CONFIG must be JSON, an object with the cluster and this task, or "
            f"unset. Received: TF_CONFIG={' '.join(text.split())[:200]}"
        )
    if not isinstance(config.get("cluster", {}), dict):
        raise ValueError(
            'The cluster of TF_CONFIG must be an object, such as {"worker": '
            '["host0:2222", "host1:2222"]}. '
            f"Received: cluster={_shown(config['cluster'])}"
        )
    return config


def _check_job(job: str, addresses: Any) -> None:
    if job not in _JOBS:
        raise ValueError(f"{_RULE}; take the others out. Received: job={_shown(job)}")
    if not isinstance(addresses, list) or not addresses:
        raise ValueError(
            "A job of TF_CONFIG is a list of its tasks' addresses, HOST:PORT, and is "
            f"left out if it has none. Received: {job}={_shown(addresses)}"
        )
    if job == "chief" and len(addresses) > 1:
        raise ValueError(f"{_RULE}. Received: chief={_shown(addresses)}")


def _check_addresses(addresses: list[Any]) -> None:
    seen = set()
    for address in addresses:
        found = isinstance(address, str) and _ADDRESS.fullmatch(address.lower())
        if not found or not 0 < int(found[2]) < 2**16:
            raise ValueError(
                "An address in TF_CONFIG is HOST:PORT, such as host0:2222. "
                f"Received: {_shown(address)}"
            )
        if found.groups() in seen:
            raise ValueError(
                "Every task of TF_CONFIG needs an address of its own. "
                f"Received: {_shown(address)} twice"
            )
        seen.add(found.groups())


def _check_task(task: Any, jobs: dict[str, list[str]]) -> None:
    """Refuses a task that is none of the cluster."""
    if not isinstance(task, dict) or not {"type", "index"} <= task.keys():
        raise ValueError(
            "TF_CONFIG must say which task this process is, such as "
            f'"task": {{"type": "worker", "index": 0}}. Received: task={_shown(task)}'
        )
    job, index = task["type"], task["index"]
    if isinstance(index, str) and index.isdecimal():
        index = int(index)  # as TensorFlow takes it
    if job not in tuple(jobs):
        raise ValueError(
            f"{_RULE}; this task's type must be {' or '.join(jobs)}, as the cluster "
            f"has them. Received: type={_shown(job)}"
        )
    if type(index) is not int or not 0 <= index < len(jobs[job]):
        raise ValueError(
            f"This task's index in TF_CONFIG must be below the {len(jobs[job])} of job "
            f"{job}, counted from 0. Received: index={_shown(index)}"
        )


def _shown(value: Any) -> str:
    return json.dumps(value)[:200]
