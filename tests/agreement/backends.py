"""What `common.backend` promises, in words that every backend understands."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from common import backend
from common.attacks import ascent, attack, projections, steps
from common.models.batch_norm import BatchNorm
from tests import agreement


def gradients() -> agreement.Arrays:
    """Of tensors, of variables, of both, and of what is not used."""
    vector, scalar, unused = (
        keras.Variable(np.array(x, np.float32)) for x in ([2.0, -1.0], 3.0, 1.0)
    )

    def fn(x: Any, y: Any) -> Any:
        return ops.sum(vector * x) + scalar * y**2, 100.0 * x, ops.argmax(x)

    arguments = ops.convert_to_tensor([5.0, 7.0]), ops.convert_to_tensor(2.0)
    (loss, *rest), (g_x, (g_vector, g_scalar, g_unused), g_y) = (
        backend.value_and_gradients(
            fn, arguments[0], [vector, scalar, unused], arguments[1]
        )
    )
    found = {"loss": loss, "times 100": rest[0], "argmax": rest[1], "x": g_x, "y": g_y}
    found |= {"vector": g_vector, "scalar": g_scalar, "unused": g_unused}
    squares, alone = backend.value_and_gradients(lambda x: ops.sum(x**2), arguments[0])
    return {**found, "squares": squares, "alone": alone}


def statistics() -> agreement.Arrays:
    """Moving statistics where the images alone are differentiated."""
    norm = BatchNorm(name="norm")
    norm.build((None, 4))
    images = ops.convert_to_tensor(np.arange(12.0, dtype=np.float32).reshape(3, 4) ** 2)

    def gradient(images: Any) -> Any:
        return backend.value_and_gradients(
            lambda x: ops.sum(norm(x, training=True) ** 3), images
        )[1]

    found = {}
    compiled = backend.compiled(gradient)
    for call, function in {
        "eager": gradient,
        "first": compiled,
        "again": compiled,
    }.items():
        found[call] = function(images)
        found |= {f"{call} {v.name}": np.asarray(v) for v in norm.variables}
    with keras.StatelessScope([(v, v + 1.0) for v in norm.variables]) as scope:
        found["scope"] = gradient(images)
        found |= {f"scope {v.name}": np.asarray(v.value) for v in norm.variables}
    kept = [scope.get_current_value(v) for v in norm.variables]
    found |= {f"kept {i}": np.asarray(value) for i, value in enumerate(kept)}
    return found | {f"after {v.name}": np.asarray(v) for v in norm.variables}


def nested() -> agreement.Arrays:
    """Gradients of weights, of a loss that crafts its images with them."""
    weight = keras.Variable(np.array([0.5, -1.5, 2.0], np.float32))

    def loss(images: Any) -> Any:
        return ops.sum(ops.tanh(images * weight / 100.0))

    def crafted(images: Any, num_steps: Any) -> Any:
        return ascent.ascend(
            loss,
            images,
            step=lambda gradient: steps.sign(gradient, 2.0),
            project=projections.pixels,
            num_steps=num_steps,
        )

    def gradient(images: Any, num_steps: Any) -> Any:
        return backend.value_and_gradients(
            lambda: loss(crafted(images, num_steps)), [weight]
        )

    images = ops.convert_to_tensor([[1.0, 254.0, 100.0]])
    found = {"images": backend.compiled(crafted)(images, ops.convert_to_tensor(5))}
    for name, function in {
        "eager": gradient,
        "jit": backend.compiled(gradient),
    }.items():
        found[name], (found[f"{name} weight"],) = function(images, 5)
    return found


def compiled() -> agreement.Arrays:
    """Functions that read, assign and count, after changes from outside."""
    weight, count = keras.Variable(2.0), keras.Variable(0, dtype="int32")

    @backend.compiled
    def times(x: Any, *, plus: Any) -> Any:
        count.assign_add(1)
        return weight * x + plus, {"sum": ops.sum(x)}

    found = {}
    for call, size in enumerate((2, 2, 3)):
        result, sums = times(ops.ones(size), plus=ops.convert_to_tensor(1.0 * call))
        found |= {
            f"result {call}": result,
            **{f"{k} {call}": v for k, v in sums.items()},
        }
        weight.assign(weight + 1.0)
    double = backend.compiled(lambda x: 2.0 * x)
    return {**found, "double": double(ops.ones(2)), "count": np.asarray(count)}


def clipped() -> agreement.Arrays:
    """The derivative of the range of pixels, inside, at its ends and outside."""
    images = ops.convert_to_tensor([-1.0, 0.0, 1e-3, 100.0, 255.0, 255.5])
    value, gradient = backend.value_and_gradients(
        lambda x: ops.sum(3.0 * projections.pixels(x)), images
    )
    return {"value": value, "gradient": gradient}


def draws() -> agreement.Arrays:
    """Draws of seeds that are folded where the step is a tensor."""
    images = np.random.default_rng(0).uniform(0, 255, (5, 3, 3, 2)).astype(np.float32)

    @backend.compiled
    def drawn(images: Any, step: Any, restarts: Any) -> Any:
        keys = backend.example_keys(images)
        seed = backend.fold(7, step, -3)
        seeds = attack.restart_seed(seed, restarts)
        return {
            "plain": backend.uniform((3, 7), seed),
            "scalar": backend.uniform((), seed),
            "keyed": backend.uniform(images.shape, seed, keys=keys),
            "one each": backend.uniform((5,), seed, keys=keys),
            "restarts": backend.uniform((5, 6), seeds, keys=keys),
            "counted": backend.uniform((5, 2), seed, keys=np.arange(5)),
            "normal": backend.normal(images.shape, seed, keys=keys),
        }

    restarts = ops.convert_to_tensor([0, 1, 2, 0, 1], "int32")
    return drawn(ops.convert_to_tensor(images), ops.convert_to_tensor(4), restarts)


def cut() -> agreement.Arrays:
    """Whether a loss of two tensors is refused, eagerly and compiled."""
    laws = {
        "integers": lambda x, y: ops.cast(ops.cast(x, "uint8"), "float32") + 0 * y,
        "rounded": lambda x, y: ops.round(x) + y,
        "stopped": lambda x, y: ops.stop_gradient(x) + y,
        "argmax": lambda x, y: ops.cast(ops.argmax(x), "float32") + y,
        "constant": lambda x, y: ops.zeros_like(x),
        "one of two": lambda x, y: 3.0 * x,
        "squared": lambda x, y: x**2 + y,
        "clipped": lambda x, y: ops.clip(x, 2.0, 3.0) + y,
        "zero times": lambda x, y: 0.0 * x + y,
    }
    tensors = ops.convert_to_tensor([1.5, 0.5]), ops.convert_to_tensor(2.0)
    return {
        name: np.array(
            [_refused(law, run, tensors) for run in (lambda f: f, backend.compiled)]
        )
        for name, law in laws.items()
    }


def _refused(law: Any, run: Any, tensors: Any) -> bool:
    def gradient(*tensors: Any) -> Any:
        return backend.value_and_gradients(lambda x, y: ops.sum(law(x, y)), *tensors)[1]

    try:
        run(gradient)(*tensors)
    except backend.GradientError:
        return True
    return False


def concrete() -> agreement.Arrays:
    """Whether values can be looked at, outside and inside of what is compiled."""
    seen, outside = [], ops.ones(2)

    def look(x: Any) -> Any:
        seen.extend([backend.is_concrete(x), backend.is_concrete(outside)])
        return x

    look(ops.ones(2))
    backend.compiled(look)(ops.ones(2))
    return {"seen": np.array(seen[:4])}


CASES = {
    function.__name__: function
    for function in (
        gradients,
        statistics,
        nested,
        compiled,
        clipped,
        draws,
        cut,
        concrete,
    )
}
