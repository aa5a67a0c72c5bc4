"""Checks of deploy/locust/locustfile.py that need no server; the first argument is its path."""

import argparse
import importlib.util
import json
import sys

path = sys.argv.pop(1)
spec = importlib.util.spec_from_file_location("locustfile", path)
locustfile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(locustfile)

assert not hasattr(locustfile, "Shape"), "a shape that nobody chose"
assert locustfile.runners.__version__, "a master would refuse this worker"

# Shapes begin with one user or more, reach the peak, and end.
for shape in locustfile.SHAPES:
    users = [locustfile.users_at(shape, second, 8, 100) for second in range(101)]
    assert users[100] is None and min(users[:100]) >= 1 and max(users[:100]) == 8, (shape, users)
ramp = [locustfile.users_at("ramp", s, 100, 100) for s in range(100)]
assert ramp == sorted(ramp) and ramp[50] == 50, ramp
assert [locustfile.users_at("plateau", s, 8, 100) for s in (0, 10, 50, 90, 99)] == [1, 4, 8, 4, 1]
assert [locustfile.users_at("spike", s, 8, 100) for s in (0, 39, 40, 59, 60, 99)] == [2, 2, 8, 8, 2, 2]
assert [locustfile.users_at("soak", s, 8, 100) for s in (0, 5, 99)] == [1, 8, 8]
try:
    locustfile.users_at("square", 0, 8, 100)
    raise SystemExit("a shape that there is not")
except ValueError as error:
    assert "ramp" in str(error)

assert locustfile.chosen_shape(["locust", "--shape", "spike"], {}) == "spike"
assert locustfile.chosen_shape(["locust", "--shape=soak"], {"LIVEDUB_SHAPE": "ramp"}) == "soak"
assert locustfile.chosen_shape(["locust", "--shape"], {"LIVEDUB_SHAPE": "ramp"}) == "ramp"
assert locustfile.chosen_shape(["locust"], {}) == ""

parser = argparse.ArgumentParser()
add = parser.add_argument_group


def group(title):
    made = add(title)
    argument = made.add_argument
    made.add_argument = lambda *names, env_var=None, **rest: argument(*names, **rest)  # configargparse knows env_var
    return made


parser.add_argument_group = group
locustfile.add_options(parser)
words = locustfile.command(parser.parse_args(["--call-seconds", "7", "--call-to", "es,ca", "--call-profile", "live", "--call-flags", "--ws --decode 0"]), "http://h:1")
line = " ".join(words[1:])
assert line.startswith("--base http://h:1 --sessions 1 --viewers 1 --for 7.0s --to es,ca --json -"), line
assert line.endswith("--profile live --ws --decode 0"), line

said = lambda **line: locustfile.measurements(json.dumps(line))  # noqa: E731
assert said(event="connected", role="speaker", connect_ms=12.5) == [("speaker", "connect", 12.5, None)]
assert said(event="reconnected", role="viewer", connect_ms=9) == [("viewer", "connect again", 9, None)]
assert said(event="refused", role="viewer", error="no") == [("viewer", "connect", 0, "no")]
assert said(event="refused", role="session", error="full") == []
assert said(event="lost", role="speaker", error="gone") == [("speaker", "connection", 0, "gone")]
assert said(event="first_dub", first_dub_ms=4500) == [("viewer", "first dub", 4500, None)]
assert said(event="freeze") == said(event="start") == said(event="end") == []
session = dict(event="session", ok=True, viewers=[{"glass_to_glass_ms": {"p50": 4010}}, {"glass_to_glass_ms": None}], phrases={"lost": 2})
assert said(**session) == [("session", "call", 0, None), ("viewer", "glass to glass, median", 4010, None), ("session", "phrases", 0, "2 phrases lost")]
assert said(event="session", ok=False, error="full", viewers=[], phrases={"lost": None}) == [("session", "call", 0, "full")]
assert locustfile.measurements("panic: x")[0][3]
print("ok")
