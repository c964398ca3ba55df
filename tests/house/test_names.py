"""A public name of lib means one thing."""

from collections import defaultdict

from house.public import definitions

PROTOCOL = {"main", "add_arguments"}  # what `lib.__main__` asks of every command


def test_no_public_name_is_defined_twice() -> None:
    places = defaultdict(list)
    for name, module in set(definitions()):
        places[name].append(module)
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1 and name not in PROTOCOL}
    assert not twice, "\n".join(f"{name}: {', '.join(found)}" for name, found in sorted(twice.items()))
