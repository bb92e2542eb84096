"""Which clusters are taken, and what each of the others is told, in one line."""

import json
import re

import pytest

from common.engine import cluster

TWO = {"worker": ["a:1", "b:1"]}
LED = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
FIRST = {"type": "worker", "index": 0}


def config(jobs, task=FIRST):
    return json.dumps({"cluster": jobs, "task": task})


@pytest.mark.parametrize("text", [None, "", "{}", '{"cluster": {}, "task": {}}'])
def test_without_a_cluster_there_are_no_tasks(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert cluster.described() == {}
    assert cluster.check() == 0


@pytest.mark.parametrize(
    ("jobs", "task", "tasks"),
    [
        (TWO, FIRST, 2),
        (TWO, {"type": "worker", "index": 1}, 2),
        (LED, {"type": "chief", "index": 0}, 3),
        (LED, {"type": "worker", "index": 1}, 3),
        ({"worker": ["[::1]:2222", "host-1.net:65535"]}, FIRST, 2),
    ],
)
def test_tasks_are_counted_over_jobs(monkeypatch, jobs, task, tasks):
    monkeypatch.setenv("TF_CONFIG", config(jobs, task))
    assert cluster.described() == jobs
    assert cluster.check() == tasks


@pytest.mark.parametrize(
    "text",
    ["{cluster", "[1]", "null", "3", "{\n]", '{"task": {}}', "[" * 10**5, "1" * 10**4],
)
def test_what_is_no_configuration_is_refused(monkeypatch, text):
    shown = re.escape(text[:1])
    check_refused(monkeypatch, text, f"TF_CONFIG must be JSON, .*TF_CONFIG={shown}")


@pytest.mark.parametrize("jobs", [None, [], "worker", 2, ["a:1", "b:1"]])
def test_a_cluster_that_is_no_object_is_refused(monkeypatch, jobs):
    check_refused(monkeypatch, config(jobs), "cluster of TF_CONFIG must be an object")


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ({**TWO, "ps": ["c:1"]}, 'parameters need no server.*Received: job="ps"'),
        ({**TWO, "evaluator": ["c:1"]}, 'first evaluates as well.*job="evaluator"'),
        ({"chief": ["a:1", "b:1"], "worker": ["c:1"]}, r'chief=\["a:1", "b:1"\]'),
        ({"worker": "a:1"}, 'is a list.*worker="a:1"'),
        ({"worker": ["a:1", "b"]}, 'HOST:PORT.*Received: "b"'),
        ({"worker": ["a:1", "a:1"]}, 'address of its own.*"a:1" twice'),
        ({"worker": ["a:1"]}, "two tasks or more.*--strategy=one_device"),
    ],
)
def test_a_cluster_that_could_not_come_up_is_refused(monkeypatch, jobs, message):
    check_refused(monkeypatch, config(jobs), message)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (None, "which task this process is.*task=null"),
        ({"type": "chief", "index": 0}, 'must be worker.*type="chief"'),
        ({"type": "worker", "index": 2}, "below the 2 of job worker.*index=2"),
        ({"type": "worker", "index": 1.0}, "index=1.0"),
    ],
)
def test_a_task_that_is_none_of_the_cluster_is_refused(monkeypatch, task, message):
    check_refused(monkeypatch, config(TWO, task), message)


def test_a_chief_alone_is_refused_as_is_a_lone_worker(monkeypatch):
    lone = config({"chief": ["a:1"]}, {"type": "chief", "index": 0})
    check_refused(monkeypatch, lone, 'two tasks or more.*{"chief": ."a:1".}')


def check_refused(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message) as caught:
        cluster.check()
    assert "Received: " in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
