"""Train a small network, written in plain NumPy, to read handwritten digits; everything tunable is in train.cfg.

Run it with `make demo`, or: python examples/digits/train.py [train.cfg] [optimizer.L2=0.1 …]
"""
# ruff: noqa: T201  # it tells how training goes

import json
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import thincopt

HERE = Path(__file__).parent
PICTURE = Path("build/digits.png")


def digits(seed):
    """Images as rows of 64 numbers around 0, and labels, for training and for the test."""
    images, labels = load_digits(return_X_y=True)
    scaled = (images.astype("float32") - 8) / 8
    return train_test_split(scaled, labels, test_size=0.25, random_state=seed, stratify=labels)


def new_weights(sizes, random):
    """The weights of each layer, by key."""
    model = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        model["W", layer] = (random.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_in)).astype("float32")
        model["b", layer] = np.zeros(fan_out, "float32")
    return model


def forward(model, images):
    """What each layer gives, the images first and the scores last."""
    layers = [images]
    last = len(model) // 2 - 1
    for layer in range(last + 1):
        scores = layers[-1] @ model["W", layer] + model["b", layer]
        layers.append(scores if layer == last else np.maximum(scores, 0))
    return layers


def loss_and_gradients(model, images, labels):
    """The mean cross-entropy of a batch, and its gradient for each of the weights."""
    layers = forward(model, images)
    scores = layers[-1] - layers[-1].max(axis=1, keepdims=True)
    log_likely = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    back = np.exp(log_likely)
    back[np.arange(len(labels)), labels] -= 1
    back /= len(labels)
    gradients = {}
    for layer in reversed(range(len(model) // 2)):
        gradients["W", layer] = layers[layer].T @ back
        gradients["b", layer] = back.sum(axis=0)
        back = (back @ model["W", layer].T) * (layers[layer] > 0)
    return -log_likely[np.arange(len(labels)), labels].mean(), gradients


def accuracy(model, images, labels):
    """The share of images that are read rightly."""
    return (forward(model, images)[-1].argmax(axis=1) == labels).mean()


def train(model, optimizer, images, labels, settings, random):
    """Train; the loss and the learning rate of each step, and the optimizer's share of the time."""
    steps, spent, begin = [], 0.0, perf_counter()
    size = settings["batch_size"]
    for _ in tqdm(range(settings["epochs"]), desc="training", unit="epoch"):
        order = random.permutation(len(labels))
        for start in range(0, len(order) - size + 1, size):
            batch = order[start : start + size]
            loss, gradients = loss_and_gradients(model, images[batch], labels[batch])
            steps.append((loss, optimizer.learn_rate))
            before = perf_counter()
            optimizer.update({key: (weights, gradients[key]) for key, weights in model.items()})
            optimizer.step_schedules()
            spent += perf_counter() - before
    return np.array(steps), spent / (perf_counter() - begin)


def draw(steps, path):
    """A picture of loss and learning rate."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (top, bottom) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 5), layout="constrained")
    top.semilogy(steps[:, 0], linewidth=0.8)
    top.set_ylabel("loss")
    bottom.plot(steps[:, 1])
    bottom.set(xlabel="step", ylabel="learning rate")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def override(text):
    """`optimizer.L2=0.1` as a name and a value."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main(arguments):
    """Train as the config says, and tell what came of it."""
    configs = [each for each in arguments if "=" not in each]
    overrides = dict(override(each) for each in arguments if "=" in each)
    config = thincopt.load(Path(configs[0]) if configs else HERE / "train.cfg", overrides=overrides)
    settings, optimizer = config["training"], config["optimizer"]
    print(f"{thincopt.info()}\n{optimizer}")
    random = np.random.default_rng(settings["seed"])
    images, test_images, labels, test_labels = digits(settings["seed"])
    model = new_weights([64, settings["hidden"], settings["hidden"], 10], random)
    steps, share = train(model, optimizer, images, labels, settings, random)
    print(f"test accuracy:        {accuracy(model, test_images, test_labels):.1%}")
    if optimizer.averages is not None:
        with optimizer.averaged(model):
            print(f"  with averages:      {accuracy(model, test_images, test_labels):.1%}")
    print(f"the optimizer's time: {share:.0%} of all")
    draw(steps, PICTURE)
    print(f"loss and rate:        {PICTURE}")


if __name__ == "__main__":
    main(sys.argv[1:])
