"""A small problem to learn on: on which side of a plane does a point lie? Logistic regression answers."""

import numpy as np

random = np.random.default_rng(0)
inputs = random.normal(size=(1000, 20)).astype("float32")
answers = (inputs @ random.normal(size=20) > 0).astype("float32")


def new_model():
    """The weights, by name, before training."""
    return {"W": np.zeros(20, "float32"), "b": np.zeros(1, "float32")}


def loss_and_gradients(model, rows=slice(None)):
    """The mean cross-entropy of some rows of the data, and its gradient for each array of weights."""
    score = inputs[rows] @ model["W"] + model["b"]
    likely = (1 + np.tanh(score / 2)) / 2
    loss = np.logaddexp(0, np.where(answers[rows] == 1, -score, score)).mean()
    miss = (likely - answers[rows]) / len(likely)
    return loss, {"W": inputs[rows].T @ miss, "b": miss.sum(keepdims=True)}


def batches(epochs):
    """The rows of each batch: 20 batches of 50 in an epoch."""
    return [slice(start, start + 50) for start in range(0, 1000, 50)] * epochs


def train(model, optimizer, epochs=4):
    """Train the model, and tell the loss of its last batch."""
    for rows in batches(epochs):
        loss, gradients = loss_and_gradients(model, rows)
        optimizer.update({key: (model[key], gradients[key]) for key in model})
        optimizer.step_schedules()
    return f"loss {loss:.2f}"
