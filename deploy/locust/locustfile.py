"""Load on a livedub server by Locust: each user makes one call after the other.

A call is a run of bin/loadgen: it creates a session, publishes a drawn face that
speaks, watches the dub, and ends the session. What it measures becomes Locust's
statistics: connect times, the first dub, glass to glass, and what failed.

    locust -f deploy/locust/locustfile.py --headless -u 4 -r 1 -t 30s --host http://localhost:8080

Instead of -u, -r and -t, a shape can say how many users there are:

    locust -f deploy/locust/locustfile.py --headless --shape spike --shape-users 8 --shape-seconds 120 --host ...

or LIVEDUB_SHAPE=spike, and so for the others. Distributed, master and workers take
the same file (--master, --worker); bin/loadgen stands beside each worker. Where
the server is on another machine, LIVEDUB_ADMIN_TOKEN holds its admin.token.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from gevent import subprocess
from locust import LoadTestShape, User, constant, events, runners, task

SHAPES = ("ramp", "plateau", "spike", "soak")
LOADGEN = Path(__file__).resolve().parents[2] / "bin" / "loadgen"
END_SECONDS = 20  # in which loadgen ends its session after SIGINT

# Debian's package lost its version (python3-locust 2.12.1-1), and a master refuses workers that have none.
runners.__version__ = runners.__version__ or "2.12.1"

running = set()  # processes of loadgen


@events.init_command_line_parser.add_listener
def add_options(parser):
    """Adds this file's options to Locust's."""
    group = parser.add_argument_group("livedub")
    group.add_argument("--loadgen", env_var="LIVEDUB_LOADGEN", default=str(LOADGEN), help="The program that makes a call.")
    group.add_argument("--call-seconds", env_var="LIVEDUB_CALL_SECONDS", type=float, default=12, help="Length of a call.")
    group.add_argument("--call-viewers", env_var="LIVEDUB_CALL_VIEWERS", type=int, default=1, help="How many watch each speaker.")
    group.add_argument("--call-to", env_var="LIVEDUB_CALL_TO", default="es", help="Languages wanted, with commas between.")
    group.add_argument("--call-profile", env_var="LIVEDUB_CALL_PROFILE", default="", help="sync or live; the server's without it.")
    group.add_argument("--call-flags", env_var="LIVEDUB_CALL_FLAGS", default="", help="More flags for loadgen, as --ws or '--width 320 --height 180'.")
    group.add_argument("--shape", env_var="LIVEDUB_SHAPE", default="", choices=("", *SHAPES), help="How the number of users changes, instead of -u, -r and -t.")
    group.add_argument("--shape-users", env_var="LIVEDUB_SHAPE_USERS", type=int, default=4, help="The most users of a shape.")
    group.add_argument("--shape-seconds", env_var="LIVEDUB_SHAPE_SECONDS", type=float, default=60, help="Length of a shape.")


def chosen_shape(argv, environ):
    """Returns the shape's name, "" for none. Locust wants the shape's class, or
    none, when it loads this file, and has not read its command line by then."""
    for i, word in enumerate(argv):
        if word.startswith("--shape="):
            return word.split("=", 1)[1]
        if word == "--shape" and i + 1 < len(argv):
            return argv[i + 1]
    return environ.get("LIVEDUB_SHAPE", "")


def users_at(shape, seconds, peak, length):
    """Returns how many users there are after so many seconds of a shape, None
    when it is over.

    ramp: from one to the peak, all the time. plateau: up within a fifth, the peak,
    down within the last fifth. spike: a quarter of the peak, and all of it in the
    middle fifth. soak: up within a twentieth, then the peak.
    """
    if seconds >= length:
        return None
    part = seconds / length
    if shape == "ramp":
        share = part
    elif shape == "plateau":
        share = min(1, part * 5, (1 - part) * 5)
    elif shape == "spike":
        share = 1 if 0.4 <= part < 0.6 else 0.25
    elif shape == "soak":
        share = min(1, part * 20)
    else:
        raise ValueError(f"no shape {shape!r}: choose from {', '.join(SHAPES)}")
    return max(1, round(peak * share))


if chosen_shape(sys.argv, os.environ):

    class Shape(LoadTestShape):
        """Changes the number of users as --shape says."""

        def tick(self):
            options = self.runner.environment.parsed_options
            users = users_at(options.shape, self.get_run_time(), options.shape_users, options.shape_seconds)
            if users is None:
                return None
            return users, max(1, options.shape_users / 4)


def kept():
    """Returns the file in which loadgen keeps what speakers send, so that it is drawn and encoded once."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livedub"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / "loadgen.kept")


@events.test_start.add_listener
def prepare(environment, **_):
    """Has it made before the first call."""
    if isinstance(environment.runner, runners.MasterRunner):
        return  # which makes no calls
    options = environment.parsed_options
    words = [options.loadgen, "--sessions", "0", "--keep", kept(), *options.call_flags.split()]
    try:
        subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
    except OSError:
        pass  # the calls tell why


@events.test_stop.add_listener
def end_calls(environment, **_):
    """Ends the calls that still go on, so that no session is left behind."""
    for process in list(running):
        end(process)


def end(process):
    """Asks loadgen to end its session and waits for it, and ends it if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    running.discard(process)


def command(options, host):
    """Returns the command line of one call."""
    words = [options.loadgen, "--base", host, "--sessions", "1", "--viewers", str(options.call_viewers)]
    words += ["--for", f"{options.call_seconds}s", "--to", options.call_to, "--json", "-", "--keep", kept()]
    if options.call_profile:
        words += ["--profile", options.call_profile]
    return words + options.call_flags.split()


def measurements(line):
    """Returns what one line of loadgen's says, as (kind, name, ms, error) for Locust;
    error is None where all is well."""
    try:
        said = json.loads(line)
    except ValueError:
        return [("call", "loadgen", 0, f"loadgen wrote {line[:80]!r}")]
    event, role = said.get("event"), said.get("role", "")
    if event in ("connected", "reconnected"):
        return [(role, "connect" if event == "connected" else "connect again", said["connect_ms"], None)]
    if event in ("refused", "lost") and role != "session":  # a session that was refused tries again; how it ends is told
        return [(role, "connect" if event == "refused" else "connection", 0, said["error"])]
    if event == "first_dub":
        return [("viewer", "first dub", said["first_dub_ms"], None)]
    if event == "session":
        found = [("session", "call", 0, None if said["ok"] else said["error"])]
        for viewer in said["viewers"]:
            if viewer["glass_to_glass_ms"]:
                found.append(("viewer", "glass to glass, median", viewer["glass_to_glass_ms"]["p50"], None))
        if said["phrases"]["lost"]:
            found.append(("session", "phrases", 0, f"{said['phrases']['lost']} phrases lost"))
        return found
    return []


class Caller(User):
    """Makes one call after the other."""

    wait_time = constant(1)

    @task
    def call(self):
        options = self.environment.parsed_options
        if not self.host:
            raise ValueError("name the server: --host http://localhost:8080")
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as errors:
            try:
                process = subprocess.Popen(command(options, self.host), stdout=subprocess.PIPE, stderr=errors, universal_newlines=True)
            except OSError as error:
                self.tell("session", "loadgen", 0, f"{options.loadgen}: {error.strerror}: run make build, or set --loadgen")
                return
            running.add(process)
            told = False
            try:
                for line in process.stdout:
                    for kind, name, ms, error in measurements(line):
                        if (kind, name) == ("session", "call"):
                            told, ms = True, 1000 * (time.monotonic() - began)
                        self.tell(kind, name, ms, error)
            finally:  # the test may end in the middle of a call
                end(process)
            if not told:
                errors.seek(0)
                last = (errors.read().strip().splitlines() or ["it said nothing"])[-1]
                self.tell("session", "loadgen", 0, f"exit code {process.returncode}: {last}")

    def tell(self, kind, name, ms, error):
        """Adds a measurement to Locust's statistics."""
        self.environment.events.request.fire(
            request_type=kind, name=name, response_time=ms, response_length=0, exception=Exception(error) if error else None, context={}
        )
