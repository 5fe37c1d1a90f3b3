"""Read handwritten digits

A small network in plain NumPy learns to read digits in a few seconds. All that can be tuned is in `train.cfg`, and
each value of it can be changed on the command line. `make demo` runs it, and so does
`python examples/digits/train.py optimizer.L2=0.1`.
"""
# ruff: noqa: T201  # it tells how training goes

import json
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import thincopt

HERE = Path(__file__).parent
PICTURE = Path("build/digits.png")
ROWS, COLUMNS = 5, 6  # of digits in the picture


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


class Run:
    """What a config asks for, done: the model, how it was trained, and how it reads the test."""

    def __init__(self, config):
        settings, self.optimizer = config["training"], config["optimizer"]
        random = np.random.default_rng(settings["seed"])
        images, self.test_images, labels, self.test_labels = digits(settings["seed"])
        self.model = new_weights([64, settings["hidden"], settings["hidden"], 10], random)
        self.steps, self.share = train(self.model, self.optimizer, images, labels, settings, random)
        self.read = accuracy(self.model, self.test_images, self.test_labels)


def plot(figure, run=None):
    """How the loss falls, and the first digits of the test as the network reads them; what it misreads is orange."""
    run = run or Run(thincopt.load(HERE / "train.cfg"))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    left.semilogy(run.steps[:, 0], color="#d9663a", linewidth=0.8)
    left.set(xlabel="step", ylabel="loss", title=f"It reads {run.read:.1%} of new digits")
    images = run.test_images[: ROWS * COLUMNS].reshape(ROWS, COLUMNS, 8, 8)
    ink = np.zeros((ROWS, 11, COLUMNS, 10, 4))  # below each digit there is room for what was read
    ink[:, :8, :, 1:9, :3] = 0x8B / 255, 0x90 / 255, 0xA0 / 255
    ink[:, :8, :, 1:9, 3] = images.transpose(0, 2, 1, 3) / 2 + 0.5
    right.imshow(ink.reshape(ROWS * 11, COLUMNS * 10, 4))
    read = forward(run.model, run.test_images)[-1].argmax(axis=1)
    for index in range(ROWS * COLUMNS):
        color = "#8b90a0" if read[index] == run.test_labels[index] else "#d9663a"
        row, column = divmod(index, COLUMNS)
        right.text(column * 10 + 4.5, row * 11 + 9.2, read[index], color=color, ha="center", va="center", size=7)
    right.set(title="thirty of them", anchor="N")
    right.set_axis_off()


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
    print(f"{thincopt.info()}\n{config['optimizer']}")
    run = Run(config)
    print(f"test accuracy:        {run.read:.1%}")
    if run.optimizer.averages is not None:
        with run.optimizer.averaged(run.model):
            print(f"  with averages:      {accuracy(run.model, run.test_images, run.test_labels):.1%}")
    print(f"the optimizer's time: {run.share:.0%} of all")
    figure = Figure(figsize=(9, 4), layout="constrained")
    plot(figure, run)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=120)
    print(f"a picture of it:      {PICTURE}")


if __name__ == "__main__":
    main(sys.argv[1:])
