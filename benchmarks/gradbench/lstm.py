"""lstm: the loss of a recurrent network with diagonal weights, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import BadInput, Function, array, compiled, plain


def layer(weights: Any, biases: Any, state: Any, x: Any) -> Any:
    """The next hidden and cell state; weights and biases are (4, b)."""
    hidden, cell = state[0], state[1]
    forget = cd.sigmoid(x * weights[0] + biases[0])
    ingate = cd.sigmoid(hidden * weights[1] + biases[1])
    outgate = cd.sigmoid(x * weights[2] + biases[2])
    change = np.tanh(hidden * weights[3] + biases[3])
    cell = cell * forget + ingate * change
    return outgate * np.tanh(cell), cell


def loss(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    count, width = sequence.shape
    layers = main.shape[0] // 2
    weights = np.reshape(main, (layers, 2, 4, width))

    def step(states: Any, pair: Any) -> Any:
        now, following = pair
        x = now * extra[0]
        after = []
        for i in range(layers):
            hidden, cell = layer(weights[i, 0], weights[i, 1], states[i], x)
            after.append((hidden, cell))
            x = hidden
        predicted = x * extra[1] + extra[2]
        normed = predicted - np.log(2.0 + np.sum(np.exp(predicted)))
        return after, np.sum(following * normed)

    start = [(state[2 * i], state[2 * i + 1]) for i in range(layers)]
    _, gains = cd.scan(step, start, (sequence[:-1], sequence[1:]))
    return -np.sum(gains) / ((count - 1) * width)


def read(message: Any) -> tuple[np.ndarray, ...]:
    sequence = array(message, "sequence", (None, None))
    count, width = sequence.shape
    if count < 2 or not width:
        raise BadInput(f"'sequence' must have two rows and one column at least, got {count, width}")
    main = array(message, "main_params", (None, 4 * width))
    if len(main) % 2:
        raise BadInput(f"'main_params' must have two rows for each layer, got {len(main)}")
    extra = array(message, "extra_params", (3, width))
    return main, extra, array(message, "state", (len(main), width)), sequence


FUNCTIONS = {
    "objective": Function(lambda data: compiled(loss, *data), plain),
    "jacobian": Function(
        lambda data: compiled(cd.grad(loss, argnums=(0, 1)), *data),
        lambda found: np.concatenate([x.ravel() for x in found]).tolist(),
    ),
}
