"""Parameters of a notebook: their text on the command line, and what the notebook says their values may be."""

import ast
import math
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from lib.core import choose

Value = bool | int | float | str | list[Any] | None
KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", list: "a list"}

# What comments of parameters say: `meaning: "one", "another" or "third"`; `0 to 1`; `at least 5`.
_WITH_CHOICES = re.compile(r'(?:(?P<meaning>.+): )?(?P<choices>"[^"]+"(?:(?:, | or )"[^"]+")*)')
_RANGE = re.compile(r"(?:at least (?P<least>\d+)|\b(?P<low>-?\d+(?:\.\d+)?) to (?P<high>-?\d+(?:\.\d+)?))\b")
_COUNT = re.compile(r"n_\w+|\w+_per_\w+")  # names of counts
_PATH = re.compile(r"(?:\b|_)(?:data_root|folder|file|path)s?(?:\b|_)")  # in names and comments of files and folders
_NEW = "new or empty folder"  # in comments of folders that will be written
_PAIR = re.compile(r"""\s*(\w+)=("[^"]*"|'[^']*'|.*?)(?=\s+\w+=|\s*$)""", re.DOTALL)

# The array that nothing works without has four bytes for each row and column. Of each image, a simulated participant
# sees three trials, and has ten ROIs.
_ROWS, _COLUMNS = ("n_images", "many"), {"voxels_per_roi": 30, "n_voxels": 1, "n_features": 1}
_MORE_CHOICES = {"weights": ("untrained-full",)}  # which `lib.networks.load_network` knows; it also takes a file


@dataclass(frozen=True)
class Parameter:
    """A parameter as the notebook declares it, `name = code  # comment`.

    Attributes
    ----------
    name, code, comment : str
    """

    name: str
    code: str
    comment: str = ""

    @cached_property
    def default(self) -> Value:
        """Its default value; an expression that is no literal stays text."""
        return literal(self.code)

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The texts that it may be, if the comment lists them."""
        found = _WITH_CHOICES.fullmatch(self.comment)
        return tuple(re.findall('"([^"]+)"', found["choices"])) if found else ()

    @property
    def meaning(self) -> str:
        """The comment without the choices."""
        found = _WITH_CHOICES.fullmatch(self.comment)
        return (found["meaning"] or "") if found else self.comment

    @property
    def is_path(self) -> bool:
        """Whether it names a file or folder, as its name or comment says."""
        if self.choices or not (self.default is None or isinstance(self.default, str)):
            return False
        return bool(_PATH.search(self.name) or (self.default is None and _PATH.search(self.comment)))

    def checked(self, value: Value) -> Value:
        """Return the value, a path seen from the folder where the command runs made absolute.

        Raises
        ------
        ValueError, FileNotFoundError, FileExistsError
            It is not of the default's type, not among the choices, out of range, names no file, or a folder to be
            written that holds something.
        """
        if value == self.default and type(value) is type(self.default):
            return value
        kind = self._kind
        members, examples = _members(value), _members(self.default)[:1] if kind is list else []
        fits = all(_is_a(type(example), member) for example in examples for member in members)
        if kind and not (_is_a(kind, value) and fits and (members or not examples)):
            example = "" if self.default is None else f", such as {self.code}"
            raise ValueError(f"{self.name} must be {KINDS[kind]}{example}; found {value!r}.")
        if self.is_path and _NEW in self.comment:
            return _new_folder(self.name, str(value))
        if self.is_path or (self.name == "weights" and user_path(str(value)).is_file()):
            return existing_path(self.name, str(value))
        for text in members if (choices := self._all_choices()) else ():
            choose(f"value of {self.name}", text, choices)
        least, most = self._range
        for number in members:
            if isinstance(number, int | float) and not least <= number <= most:
                limits = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
                limits = "a number" if math.isnan(number) else limits
                raise ValueError(f"{self.name} must be {limits}; found {number!r}.")
        return value

    @property
    def _kind(self) -> type | None:
        """The type that values must have; None if any will do."""
        if self.default is None:
            return str if self.is_path else int if _COUNT.fullmatch(self.name) else None
        is_expression = self.default == self.code  # a literal text has quotes
        return None if is_expression or type(self.default) not in KINDS else type(self.default)

    def _all_choices(self) -> tuple[str, ...]:
        """Those that the comment lists; of a network or world, those of lib if the default is one of them."""
        if self.choices or not re.search("network|world", f"{self.name} {self.comment}"):
            return (*self.choices, *(_MORE_CHOICES.get(self.name, ()) if self.choices else ()))
        from lib.networks import ZOO  # loads PyTorch
        from lib.simulation.worlds import GOD_WORLDS, WORLDS

        tables = (tuple(ZOO), (*WORLDS, *GOD_WORLDS))
        return next((names for names in tables if set(map(str, _members(self.default))) <= set(names)), ())

    @property
    def _range(self) -> tuple[float, float]:
        """Least and greatest value: what the comment says, else whole numbers are not negative, and counts not 0."""
        if found := _RANGE.search(self.comment):
            return float(found["least"] or found["low"]), float(found["high"] or math.inf)
        numbers = [1] if self.default is None and self._kind is int else _members(self.default)
        whole = all(type(number) is int and number >= 0 for number in numbers)
        return (float(min([1, *numbers])) if whole else -math.inf), math.inf


def _is_a(kind: type, value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) if kind is float else type(value) is kind


def _members(value: Value) -> list[Any]:
    """What a list holds, or the value itself."""
    return value if isinstance(value, list) else [value]


def existing_path(name: str, text: str) -> str:
    """The absolute path of a file or folder that a parameter names.

    Raises
    ------
    ValueError
        The text is empty.
    FileNotFoundError
        There is none; the message has the whole path.
    """
    path = user_path(text)
    if not text.strip():
        raise ValueError(f"{name} must be a file or folder; found an empty text.")
    if not path.exists():
        raise FileNotFoundError(f"{name}: there is no file or folder {path}.")
    return str(path)


def _new_folder(name: str, text: str) -> str:
    """The absolute path of a folder that can be written: nothing is there yet, or nothing in it."""
    path = user_path(text)
    if not text.strip():
        raise ValueError(f"{name} must be a {_NEW}; found an empty text.")
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise FileExistsError(f"{name}: expected a {_NEW}, found something at {path}; name another.")
    return str(path)


def user_path(text: str) -> Path:
    """An absolute path, seen from the folder where the command runs; `~` is the user's home."""
    return Path(os.path.expanduser(text)).absolute()


def user_folder(text: str) -> Path:
    """The same for a folder that is there or can be made; ArgumentTypeError where a file is."""
    path = user_path(text)
    around = next(place for place in (path, *path.parents) if place.exists())
    if not around.is_dir():
        raise ArgumentTypeError(f"must be a folder; found the file {around}")
    return path


def check_values(of: str, parameters: Mapping[str, Parameter], given: Mapping[str, Value]) -> dict[str, Value]:
    """Check values before anything is computed with them, and make their paths absolute.

    Parameters
    ----------
    of : str
        Who has the parameters, for messages.
    parameters : mapping of str to Parameter
    given : mapping of str to value

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        An unknown name, a value that cannot be, or sizes that do not fit into this machine's memory.
    """
    for name in given:
        if not parameters:
            raise ValueError(f"{of} has no parameters, so none named {name!r}.")
        choose(f"parameter of {of}", name, parameters)
    try:
        found = {name: parameters[name].checked(value) for name, value in given.items()}
        if {*_ROWS, *_COLUMNS} & set(given):
            check_fits({name: found.get(name, parameter.default) for name, parameter in parameters.items()})
    except (ValueError, FileNotFoundError, FileExistsError) as error:
        raise type(error)(f"{of}: {error}") from error
    return found


def check_fits(values: Mapping[str, Value]) -> None:
    """Raise ValueError if a simulation of these sizes cannot fit into this machine's memory, whatever is done with it.

    Parameters
    ----------
    values : mapping of str to value
        Those of n_images, many, voxels_per_roi, n_voxels and n_features count, unless `dataset` is a measured one.
    """
    sizes = {name: value for name in (*_ROWS, *_COLUMNS) if isinstance(value := values.get(name), int)}
    rows = max((sizes[name] for name in _ROWS if name in sizes), default=0)
    least = 4 * rows * sum(sizes.get(name, 0) * each for name, each in _COLUMNS.items())
    memory = psutil.virtual_memory().total
    if least > memory and values.get("dataset", "simulated") == "simulated":
        asked = " and ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(f"{asked} need at least {least / 1e9:.3g} GB; this machine has {memory / 1e9:.3g} GB.")


def at_least(least: int) -> Callable[[str], int]:
    """Return a type for options of the command line: whole numbers, `least` or more."""

    def number(text: str) -> int:
        """The number that a text says."""
        found = parse_value(text)
        if type(found) is not int or found < least:
            raise ArgumentTypeError(f"must be a whole number, at least {least}; found {text!r}")
        return found

    return number


def parse_value(text: str) -> Value:
    """Read a value from the command line: None, booleans, numbers, lists, text in quotes, else the text itself.

    >>> [parse_value(text) for text in ("2", "1e-3", "true", "flat", '["a", 1]')]
    [2, 0.001, True, 'flat', ['a', 1]]
    """
    words: dict[str, Value] = {"None": None, "True": True, "true": True, "False": False, "false": False}
    if text in words:
        return words[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return literal(text) if text.startswith(("[", '"', "'")) else text


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Split `name=value name=value`: a value reaches to the next name and may be in quotes.

    >>> parse_pairs("world=flat data_root=/data/it's here subject=2")
    [('world', 'flat'), ('data_root', "/data/it's here"), ('subject', '2')]

    Raises
    ------
    ValueError
        The text is not made of such pairs.
    """
    pairs = [(pair[1], re.sub(r"^([\"'])(.*)\1$", r"\2", pair[2])) for pair in _PAIR.finditer(text)]
    if _PAIR.sub("", text).strip():
        raise ValueError(f"Parameters must be name=value pairs such as world=flat seed=1; found {text!r}.")
    return pairs


def literal(text: str) -> Any:
    """Read a Python literal; anything else stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # a list as key, too deep a nesting
        return text
