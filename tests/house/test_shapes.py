"""Shapes in docstrings: the check itself, and that it looks at the functions whose shapes it should know."""

import inspect
import re
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
import torch
from house.public import entries, functions, sections
from house.shapes import ShapeError, checked, compare, shapes_of, wrap

from lib.solvers import stacking


@dataclass
class Fit:
    """A result.

    Attributes
    ----------
    weights : array of shape (n_features, n_voxels)
    """

    weights: np.ndarray


def fit(X: np.ndarray, y: np.ndarray, n_voxels: int = 2, layers: object = None) -> Fit:
    """Weights.

    Parameters
    ----------
    X : array of shape (n_images, n_features)
    y : array of shape (n_images,) or (n_images, n_targets)
    n_voxels : int
    layers : mapping of layer to array of shape (n_images, n_units), optional
    """
    return Fit(np.zeros((X.shape[-1], n_voxels)))


def test_what_is_documented_passes() -> None:
    checked(fit)(np.zeros((5, 3)), np.zeros(5))
    checked(fit)(torch.zeros((5, 3)), y=np.zeros((5, 2)), layers={"a": np.zeros((5, 1)), "b": np.zeros((5, 9))})


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"X": np.zeros(5)}, "fit(X)"),
        ({"y": np.zeros(4)}, "fit(y)"),
        ({"y": np.zeros((5, 2, 2))}, "fit(y)"),
        ({"layers": {"a": np.zeros((5, 1)), "b": np.zeros((4, 1))}}, "fit(layers)"),
    ],
)
def test_what_is_not_documented_fails(arguments: dict[str, np.ndarray], where: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(where)):
        checked(fit)(**({"X": np.zeros((5, 3)), "y": np.zeros(5)} | arguments))


@pytest.mark.parametrize(
    ("kind", "shape", "fits"),
    [
        ("array of shape (..., n_layers)", (7, 2, 3), True),
        ("array of shape (..., n_layers)", (), False),
        ("array of shape (1 + n_bootstrap,)", (11,), True),
        ("array of shape (1 + n_bootstrap,)", (11, 2), False),
        ("array of shape (n, n), symmetric", (4, 5), False),
        ("array of shape (2,)", (3,), False),
        ("an array", (3,), True),
    ],
)
def test_forms_of_shapes(kind: str, shape: tuple[int, ...], fits: bool) -> None:
    if fits:
        compare("x", kind, np.zeros(shape), {})
    else:
        with pytest.raises(ShapeError):
            compare("x", kind, np.zeros(shape), {})


def test_wrong_docstring_of_lib_is_noticed() -> None:
    """The solver of the stack, with its docstring and with one that swaps two axes."""
    P = np.eye(3)[None].repeat(2, axis=0)
    solve = inspect.unwrap(stacking.simplex_weights)
    right, wrong = "(n_voxels, n_layers)", "(n_layers, n_voxels)"
    module = ModuleType(solve.__module__)
    module.solve = solve  # type: ignore[attr-defined]
    before = solve.__doc__ or ""
    assert f"array of shape {right}" in before
    wrap(module)
    module.solve(P)
    try:
        solve.__doc__ = before.replace(f"array of shape {right}", f"array of shape {wrong}")
        module.solve = solve  # type: ignore[attr-defined]
        wrap(module)
        with pytest.raises(ShapeError, match="result of simplex_weights"):
            module.solve(P)
    finally:
        solve.__doc__ = before


def test_functions_of_these_rooms_are_watched_while_tests_run() -> None:
    assert inspect.unwrap(stacking.simplex_weights) is not stacking.simplex_weights


def test_arrays_of_solvers_and_analysis_have_shapes() -> None:
    """Each argument and result that is an array: in its section, or in the summary of a short docstring."""
    bare = [
        f"{function.place}({name})"
        for function in functions()
        if function.place.startswith(("lib.solvers.", "lib.analysis."))
        for name, kind in function.annotations.items()
        if re.search(r"np\.ndarray|torch\.Tensor", kind) and not _has_shape(function.docstring, name)
    ]
    assert not bare, "\n".join(bare)


def _has_shape(docstring: str, name: str) -> bool:
    parts = sections(docstring)
    kind = parts.get("Returns", "") if name == "return" else entries(parts.get("Parameters", "")).get(name, "")
    return bool(shapes_of(kind)) or "shape (" in docstring.partition("\n\n")[0]
