#!/usr/bin/python3
"""The experiment mnist-2017-cpu in PyTorch, as a PyTorch user would write it, to compare hyperdrift's speed, memory and
hypergradients with.

    scripts/pytorch_compare.py forward|reverse [--device cpu|cuda] [--repeat N] [--threads N] [--data DIR]

Forward mode carries one tangent for each hyperparameter along the training and moves each with a Hessian-vector product by double
backward; reverse mode lets autograd go back through the whole unrolled training. Prints one JSON object for each repetition
of one hyper-iteration; the first one warms up. "peak_mb" is the most memory that the process (on cuda: the device) has
held so far.

Needs NumPy and PyTorch 1.13 or later (Debian: python3-torch).
"""
import argparse
import gzip
import json
import pathlib
import resource
import time

import numpy as np
import torch
from torch.nn import functional

DIMS = (784, 300, 300, 10)
LAYERS = len(DIMS) - 1
SEED, STEPS, BATCH, TRAINING, VALIDATION = 1, 100, 200, 35000, 21000
START = {**{f"rho_l1_{k}": 0.0 for k in range(LAYERS)}, **{f"rho_l2_{k}": 0.0 for k in range(LAYERS)},
         "eta": 0.01, "mu": 0.5}
DATA = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "mnist"


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    with gzip.open(path) as file:
        header = file.read(4)
        if header[:3] != b"\0\0\x08":
            raise SystemExit(f"{path}: not an IDX file of unsigned bytes")
        shape = np.frombuffer(file.read(4 * header[3]), ">u4")
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def read_examples(folder, device):
    """MNIST in the experiment's order, split into (pixels, labels) for training and for validation."""
    images = read_idx(folder / "train-images-idx3-ubyte.gz").reshape(-1, DIMS[0])
    labels = read_idx(folder / "train-labels-idx1-ubyte.gz")
    order = np.roll(np.arange(len(labels)), -5000)[:TRAINING + VALIDATION]
    pixels = torch.tensor(images[order].astype(np.float32) * np.float32(1 / 255), device=device)
    labels = torch.tensor(labels[order].astype(np.int64), device=device)
    return (pixels[:TRAINING], labels[:TRAINING]), (pixels[TRAINING:], labels[TRAINING:])


def make_batches(device):
    """The training examples of each step: NumPy's shuffle, as in 2017."""
    order = np.arange(TRAINING)
    np.random.RandomState(SEED).shuffle(order)
    return torch.as_tensor(order, device=device).split(BATCH)[:STEPS]


def philox_words(groups, key, op_seed):
    """Philox4x32-10: the four random words of each group 0 .. groups - 1."""
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    x0 = np.arange(groups, dtype=np.uint64)
    x1, x2, x3 = np.zeros_like(x0), np.full_like(x0, op_seed), np.zeros_like(x0)
    key0, key1 = key, 0
    for _ in range(10):
        product0, product1 = x0 * np.uint64(0xD2511F53), x2 * np.uint64(0xCD9E8D57)
        x0, x2 = (product1 >> shift) ^ x1 ^ np.uint64(key0), (product0 >> shift) ^ x3 ^ np.uint64(key1)
        x1, x3 = product1 & low, product0 & low
        key0, key1 = (key0 + 0x9E3779B9) & 0xFFFFFFFF, (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([x0, x1, x2, x3], axis=1).astype(np.uint32)


def xavier(layer):
    """The initial weights of a hidden layer as TensorFlow 1.1 drew them on a CPU."""
    count = DIMS[layer] * DIMS[layer + 1]
    words = philox_words((count + 3) // 4, SEED, 4 + 17 * layer).ravel()[:count]
    uniform = ((words & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)
    limit = np.sqrt(3 / ((DIMS[layer] + DIMS[layer + 1]) / 2))
    return (uniform * np.float32(2 * limit) + np.float32(-limit)).reshape(DIMS[layer], DIMS[layer + 1])


def initial_weights(device):
    matrices = [xavier(k) for k in range(LAYERS - 1)] + [np.zeros(DIMS[-2:], np.float32)]
    biases = [np.zeros(units, np.float32) for units in DIMS[1:]]
    return [torch.tensor(w, device=device) for w in matrices + biases]


def model_error(weights, pixels, labels):
    """Mean cross-entropy, the probabilities clipped to [1e-5, 1 - 1e-5]."""
    x = pixels
    for k in range(LAYERS):
        x = torch.addmm(weights[LAYERS + k], x, weights[k])
        if k < LAYERS - 1:
            x = functional.relu(x)
    return functional.nll_loss(functional.softmax(x, dim=1).clamp(1e-5, 1 - 1e-5).log(), labels)


def training_error(weights, hyper, pixels, labels):
    error = model_error(weights, pixels, labels)
    for k in range(LAYERS):
        error = error + hyper[f"rho_l1_{k}"] * weights[k].abs().sum()
        error = error + hyper[f"rho_l2_{k}"] * weights[k].square().sum()
    return error


def reverse(start, training, validation, batches):
    device = start[0].device
    hyper = {name: torch.tensor(value, device=device, requires_grad=True) for name, value in START.items()}
    weights = [w.clone().requires_grad_() for w in start]
    momentum = [torch.zeros_like(w) for w in start]
    for batch in batches:
        error = training_error(weights, hyper, training[0][batch], training[1][batch])
        gradient = torch.autograd.grad(error, weights, create_graph=True)
        momentum = [hyper["mu"] * m + g for m, g in zip(momentum, gradient)]
        weights = [w - hyper["eta"] * m for w, m in zip(weights, momentum)]
    error = model_error(weights, *validation)
    gradients = torch.autograd.grad(error, list(hyper.values()))
    return error.item(), {name: g.item() for name, g in zip(hyper, gradients)}


def momentum_partial(name, weights, momentum):
    """The next momentum's derivative by a hyperparameter, at fixed weights: {index of the tensor: value}."""
    kind, _, layer = name.rpartition("_")
    if kind == "rho_l1":
        return {int(layer): weights[int(layer)].sign()}
    if kind == "rho_l2":
        return {int(layer): 2 * weights[int(layer)]}
    return dict(enumerate(momentum)) if name == "mu" else {}


def forward(start, training, validation, batches):
    eta, mu = START["eta"], START["mu"]
    weights = [w.clone() for w in start]
    momentum = [torch.zeros_like(w) for w in start]
    tangents = {name: ([torch.zeros_like(w) for w in start], [torch.zeros_like(w) for w in start]) for name in START}
    for batch in batches:
        weights = [w.requires_grad_() for w in weights]
        error = training_error(weights, START, training[0][batch], training[1][batch])
        gradient = torch.autograd.grad(error, weights, create_graph=True)
        products = {name: torch.autograd.grad(gradient, weights, z, retain_graph=True)
                    for name, (z, _) in tangents.items()}
        with torch.no_grad():
            next_momentum = [mu * m + g for m, g in zip(momentum, gradient)]
            for name, (z, z_momentum) in tangents.items():
                for zm, product in zip(z_momentum, products[name]):
                    zm.mul_(mu).add_(product)
                for i, partial in momentum_partial(name, weights, momentum).items():
                    z_momentum[i] += partial
                for i, zw in enumerate(z):
                    zw.sub_(z_momentum[i], alpha=eta)
                    if name == "eta":
                        zw.sub_(next_momentum[i])
            momentum = next_momentum
            weights = [w - eta * m for w, m in zip(weights, momentum)]
    weights = [w.requires_grad_() for w in weights]
    error = model_error(weights, *validation)
    gradient = torch.autograd.grad(error, weights)
    return error.item(), {name: sum(torch.sum(g * zw) for g, zw in zip(gradient, z)).item()
                          for name, (z, _) in tangents.items()}


def peak_mb(device):
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def parse_arguments():
    parser = argparse.ArgumentParser(description="mnist-2017-cpu in PyTorch, for comparison")
    parser.add_argument("mode", choices=["forward", "reverse"])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="hyper-iterations to run (default: 3)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of the CPU (default: PyTorch's)")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, metavar="DIR", help="folder of MNIST's .gz files")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    device = torch.device(arguments.device)
    training, validation = read_examples(arguments.data, device)
    batches = make_batches(device)
    weights = initial_weights(device)
    compute = {"forward": forward, "reverse": reverse}[arguments.mode]
    for _ in range(arguments.repeat):
        start = time.perf_counter()
        error, hypergradients = compute(weights, training, validation, batches)
        seconds = time.perf_counter() - start  # the results were read: no need to wait for the device
        print(json.dumps({"mode": arguments.mode, "device": arguments.device, "seconds": seconds,
                          "validation_error": error, "hypergradients": hypergradients,
                          "peak_mb": peak_mb(device), "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
