"""Gradients of one's own in TensorFlow, which die with the graph they are in.

`tf.custom_gradient` registers a gradient for every trace and forgets none, so that
each graph that has one stays in memory for as long as the process, with all that its
operations refer to. Here an operation keeps its own gradient. What is saved keeps none,
and is differentiated, once it is loaded, as if none had been given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import record  # has no public name


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates as `common.backend.custom_gradient` says."""
    eager = tf.custom_gradient(function)

    @functools.wraps(function)
    def called(*args: Any) -> Any:
        return eager(*args) if tf.executing_eagerly() else _in_graph(function, args)

    return called


def _in_graph(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    graph = tf.compat.v1.get_default_graph()
    arguments = [_brought(tf.convert_to_tensor(argument), graph) for argument in args]
    outputs, gradient = function(*arguments)

    def of_all(*upstream: Any) -> list[Any]:
        return [None, *tf.nest.flatten(gradient(upstream[0]))]

    # An operation that changes nothing, for the gradient to be the gradient of.
    before = [outputs, *arguments]
    overridden = {"IdentityN": lambda _, *upstream: of_all(*upstream)}
    with graph._override_gradient_function(overridden):
        after = tf.identity_n(before)
    # A tape within the graph does not ask what is overridden.
    record.record_operation("IdentityN", after, before, of_all)
    return after[0]


def _brought(tensor: Any, graph: Any) -> Any:
    """Returns a tensor within the graph, as the gradient of a branch demands."""
    return tensor if getattr(tensor, "graph", None) is graph else tf.identity(tensor)
