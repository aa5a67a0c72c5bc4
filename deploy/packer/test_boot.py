"""Tests livedub-boot against fakes of the metadata service, Secrets Manager and the load balancer."""
import grp
import http.server
import importlib.machinery
import importlib.util
import json
import os
import re
import stat
import subprocess
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def load():
    loader = importlib.machinery.SourceFileLoader("boot", os.path.join(HERE, "files", "livedub-boot"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("boot", loader))
    loader.exec_module(module)
    return module


class FakeIMDS(http.server.ThreadingHTTPServer):
    """Answers only who has a token, as IMDSv2 does."""

    def __init__(self, metadata):
        self.metadata = metadata
        self.failures = 0
        super().__init__(("127.0.0.1", 0), FakeIMDSHandler)
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class FakeIMDSHandler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        if self.server.failures > 0:
            self.server.failures -= 1
            return self.answer(503)
        ok = self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        return self.answer(200, "token") if ok else self.answer(400)

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != "token":
            return self.answer(401)
        value = self.server.metadata.get(self.path.removeprefix("/latest/"))
        return self.answer(404) if value is None else self.answer(200, value)

    def log_message(self, *_):
        pass


class FakeAWS:
    """Secrets Manager and a load balancer's target groups."""

    def __init__(self, secrets, groups=()):
        self.secrets = secrets
        self.groups = {g: {} for g in groups}
        self.after_register = lambda group: None

    def __call__(self, service):
        return self

    def get_secret_value(self, SecretId):
        return {"SecretString": self.secrets[SecretId]}

    def describe_target_health(self, TargetGroupArn):
        return {"TargetHealthDescriptions": [{"Target": {"Id": i}, "TargetHealth": {"State": s}} for i, s in self.groups[TargetGroupArn].items()]}

    def register_targets(self, TargetGroupArn, Targets):
        self.groups[TargetGroupArn][Targets[0]["Id"]] = "initial"
        self.after_register(TargetGroupArn)

    def deregister_targets(self, TargetGroupArn, Targets):
        self.groups[TargetGroupArn][Targets[0]["Id"]] = "draining"


USER_DATA = """AWS_REGION=eu-west-1
DEPLOY_ROLE=node
DEPLOY_CLUSTER_SECRET_ARN=arn:c
DEPLOY_REDIS=redis.internal:6379
DEPLOY_POSTGRES=db.internal:5432/livedub
DEPLOY_POSTGRES_SECRET_ARN=arn:p
LIVEDUB_CLUSTER_NAME=prod
LIVEDUB_SERVE_ICE_SERVERS=
LIVEDUB_S3_BUCKET=recordings
"""
TURN = "DEPLOY_TURN_HOST=turn.example.net\nDEPLOY_TURN_SECRET_ARN=arn:t\n"
SECRETS = {
    "arn:c": json.dumps({"cluster_secret": "c" * 48, "access_key": "a" * 48, "admin_token": "t" * 48, "redis_token": "r" * 64}),
    "arn:p": json.dumps({"username": "livedub", "password": "a/b@c:d%e$f"}),
}


class Boot(unittest.TestCase):
    def setUp(self):
        self.imds = FakeIMDS({
            "user-data": USER_DATA, "meta-data/instance-id": "i-1", "meta-data/local-ipv4": "10.0.1.7",
            "meta-data/public-ipv4": "203.0.113.7", "meta-data/placement/availability-zone": "eu-west-1a",
        })
        self.addCleanup(self.imds.close)
        self.boot = load()
        self.boot.IMDS = "http://127.0.0.1:%d" % self.imds.server_address[1]
        dir_ = tempfile.TemporaryDirectory()
        self.addCleanup(dir_.cleanup)
        self.boot.RUN = os.path.join(dir_.name, "run")
        self.boot.GROUP = grp.getgrgid(os.getgid()).gr_name
        self.boot.AGENT = os.path.join(dir_.name, "agent", "livedub.json")
        self.boot.AGENT_TEMPLATE = os.path.join(HERE, "files", "cloudwatch-agent.json")

    def start(self, aws=None):
        self.boot.start(self.boot.Instance(), aws or FakeAWS(SECRETS))
        path = os.path.join(self.boot.RUN, "livedub.env")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        # As systemd reads such a file, a shell does too.
        out = subprocess.run(["bash", "-c", 'set -a; . "$1"; env -0', "-", path], env={}, capture_output=True, check=True).stdout.decode()
        return dict(line.split("=", 1) for line in out.split("\0") if line.startswith(("LIVEDUB_", "DEPLOY_", "AWS_")))

    def test_node(self):
        self.imds.failures = 2  # slow metadata service: asked again
        self.boot.time = type("t", (), {"sleep": staticmethod(lambda s: None)})
        got = self.start()
        self.assertEqual(got, {
            "AWS_REGION": "eu-west-1", "LIVEDUB_CLUSTER_NAME": "prod", "LIVEDUB_S3_BUCKET": "recordings",
            "LIVEDUB_CLUSTER_SECRET": "c" * 48, "LIVEDUB_ACCESS_KEY": "a" * 48, "LIVEDUB_ADMIN_TOKEN": "t" * 48,
            "LIVEDUB_CLUSTER_URL": "rediss://:" + "r" * 64 + "@redis.internal:6379",
            "LIVEDUB_DATABASE_PASSWORD_FILE": os.path.join(self.boot.RUN, "database-password"),
            "LIVEDUB_DATABASE_URL": "postgres://livedub@db.internal:5432/livedub?sslmode=verify-full&sslrootcert=" + self.boot.RDS_AUTHORITIES,
            "LIVEDUB_SERVE_LISTEN": ":8080", "LIVEDUB_CLUSTER_NODE": "i-1", "LIVEDUB_CLUSTER_ADDR": "http://10.0.1.7:8080",
            "LIVEDUB_SERVE_PUBLIC_IP": "203.0.113.7",
        })
        self.assertTrue(os.path.exists(os.path.join(self.boot.RUN, "node")))
        self.assertEqual(self.password(), ("a/b@c:d%e$f", 0o640))
        with open(self.boot.AGENT, encoding="utf-8") as f:
            agent = json.load(f)
        names = {c["log_group_name"] for c in agent["logs"]["logs_collected"]["files"]["collect_list"]}
        self.assertEqual(names, {"/livedub/prod/node"})

    def password(self):
        path = os.path.join(self.boot.RUN, "database-password")
        with open(path, encoding="utf-8") as f:
            return f.read(), stat.S_IMODE(os.stat(path).st_mode)

    def test_password_changes(self):
        aws = FakeAWS(dict(SECRETS))
        self.boot.refresh(self.boot.Instance(), aws)  # before the start: nothing to do
        self.assertFalse(os.path.exists(self.boot.RUN))
        self.start(aws)
        before = os.stat(os.path.join(self.boot.RUN, "database-password")).st_ino
        self.boot.refresh(self.boot.Instance(), aws)
        self.assertEqual(os.stat(os.path.join(self.boot.RUN, "database-password")).st_ino, before)  # not written anew
        aws.secrets["arn:p"] = json.dumps({"username": "livedub", "password": "another"})
        self.boot.refresh(self.boot.Instance(), aws)
        self.assertEqual(self.password(), ("another", 0o640))

    def test_turn_for_a_node(self):
        self.imds.metadata["user-data"] = USER_DATA.replace("ICE_SERVERS=", "ICE_SERVERS=stun:stun.example.net") + TURN
        got = self.start(FakeAWS({**SECRETS, "arn:t": json.dumps({"turn_secret": "s" * 48})}))
        at = "s" * 48 + "@turn.example.net"
        self.assertEqual(got["LIVEDUB_SERVE_ICE_SERVERS"], f"stun:stun.example.net turn:{at}:3478?transport=udp turns:{at}:443?transport=tcp")

    def test_turn_server(self):
        self.imds.metadata["user-data"] = "DEPLOY_ROLE=turn\nLIVEDUB_CLUSTER_NAME=prod\nDEPLOY_TURN_PEERS=10.20.128.0/20,10.20.144.0/20\n" + TURN
        aws = FakeAWS({"arn:t": json.dumps({"turn_secret": "s" * 48})})
        self.assertEqual(self.start(aws), {})  # nothing of livedub's
        self.assertEqual(sorted(os.listdir(self.boot.RUN)), ["livedub.env", "turn", "turnserver.conf"])
        path = os.path.join(self.boot.RUN, "turnserver.conf")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        for line in ("use-auth-secret", "static-auth-secret=" + "s" * 48, "realm=turn.example.net", "listening-ip=10.0.1.7", "no-cli", "no-tcp-relay",
                     "denied-peer-ip=0.0.0.0-255.255.255.255", "no-multicast-peers"):
            self.assertIn(line, lines)
        self.assertEqual([line for line in lines if line.startswith("allowed-")], ["allowed-peer-ip=10.20.128.0-10.20.143.255", "allowed-peer-ip=10.20.144.0-10.20.159.255"])
        with open(self.boot.AGENT, encoding="utf-8") as f:
            self.assertIn("/livedub/prod/turn", f.read())
        # A node again: nothing of the TURN server stays.
        self.imds.metadata["user-data"] = USER_DATA
        self.start()
        self.assertEqual(sorted(os.listdir(self.boot.RUN)), ["database-password", "livedub.env", "node"])

    def test_turn_server_refuses(self):
        for peers, secret, says in (
            ("", "s" * 48, "DEPLOY_TURN_PEERS"),
            ("0.0.0.0/0", "s" * 48, "DEPLOY_TURN_PEERS"),
            ("10.0.0.0/8", "s" * 48, "DEPLOY_TURN_PEERS"),
            ("8.8.8.0/24", "s" * 48, "DEPLOY_TURN_PEERS"),
            ("169.254.0.0/16", "s" * 48, "DEPLOY_TURN_PEERS"),
            ("127.0.0.0/16", "s" * 48, "DEPLOY_TURN_PEERS"),
            ("10.20.128.0/20", "short", "turn_secret"),
            ("10.20.128.0/20", "s" * 48 + "\nno-auth", "turn_secret"),
        ):
            self.imds.metadata["user-data"] = f"DEPLOY_ROLE=turn\nDEPLOY_TURN_PEERS={peers}\n" + TURN
            with self.subTest(peers), self.assertRaisesRegex(self.boot.Wrong, says):
                self.start(FakeAWS({"arn:t": json.dumps({"turn_secret": secret})}))
            self.assertFalse(os.path.exists(os.path.join(self.boot.RUN, "turnserver.conf")))

    def test_next_start_sees_what_has_changed(self):
        self.start()
        self.imds.metadata["meta-data/public-ipv4"] = "203.0.113.8"
        self.imds.metadata["user-data"] = USER_DATA.replace("ROLE=node", "ROLE=gateway")
        got = self.start()
        self.assertNotIn("LIVEDUB_SERVE_PUBLIC_IP", got)
        self.assertNotIn("LIVEDUB_CLUSTER_NODE", got)
        self.assertEqual(sorted(os.listdir(self.boot.RUN)), ["database-password", "gateway", "livedub.env"])

    def slots(self, state):
        self.imds.metadata["user-data"] = USER_DATA + "DEPLOY_MEDIA_SLOTS=8443=arn:s0,8444=arn:s1\nDEPLOY_MEDIA_ADDRESSES=eu-west-1a=198.51.100.1,eu-west-1b=198.51.100.2\n"
        self.imds.metadata["meta-data/autoscaling/target-lifecycle-state"] = state
        take = self.boot.take_slot
        self.boot.take_slot = lambda b, s, me: take(b, s, me, pause=lambda s: None)
        return FakeAWS(SECRETS, ["arn:s0", "arn:s1"])

    def test_slot(self):
        aws = self.slots("InService")
        aws.groups["arn:s0"] = {"i-0": "healthy", "i-9": "draining"}
        got = self.start(aws)
        self.assertEqual((got["LIVEDUB_SERVE_MEDIA_PORT"], got["LIVEDUB_SERVE_PUBLIC_IP"]), ("8444", "198.51.100.1"))
        self.assertEqual(self.start(aws)["LIVEDUB_SERVE_MEDIA_PORT"], "8444")  # its own again
        self.boot.stop(self.boot.Instance(), aws)
        self.assertEqual(aws.groups["arn:s1"], {"i-1": "draining"})

    def test_slot_of_a_stopped_instance_is_free(self):
        aws = self.slots("InService")
        aws.groups["arn:s0"] = {"i-0": "unused"}
        self.assertEqual(self.start(aws)["LIVEDUB_SERVE_MEDIA_PORT"], "8443")

    def test_two_take_one_slot(self):
        aws = self.slots("InService")
        aws.after_register = lambda group: aws.groups[group].update({"i-0": "initial"} if group == "arn:s0" else {"i-2": "initial"})
        self.assertEqual(self.start(aws)["LIVEDUB_SERVE_MEDIA_PORT"], "8444")
        self.assertEqual(aws.groups["arn:s0"], {"i-1": "draining", "i-0": "initial"})

    def test_no_slot(self):
        aws = self.slots("InService")
        aws.groups = {"arn:s0": {"i-5": "healthy"}, "arn:s1": {"i-6": "unhealthy"}}
        with self.assertRaisesRegex(self.boot.Wrong, "all 2 media slots are taken"):
            self.start(aws)

    def test_warm_pool_takes_no_slot(self):
        aws = self.slots("Warmed:Stopped")
        self.assertNotIn("LIVEDUB_SERVE_MEDIA_PORT", self.start(aws))
        self.assertEqual(aws.groups, {"arn:s0": {}, "arn:s1": {}})

    def test_terraform_says_what_is_read(self):
        folder = os.path.join(HERE, "..", "terraform")
        if not os.path.isdir(folder):
            self.skipTest("no deploy/terraform")
        with open(os.path.join(HERE, "files", "livedub-boot"), encoding="utf-8") as f:
            read = set(re.findall(r'"(DEPLOY_[A-Z_]+)"', f.read()))
        said, lists = set(), []
        for where, _, names in os.walk(folder):
            if ".terraform" in where.split(os.sep):
                continue
            for name in names:
                if name.endswith(".tf"):
                    with open(os.path.join(where, name), encoding="utf-8") as f:
                        text = f.read()
                    said |= set(re.findall(r"\b(DEPLOY_[A-Z_]+)\s*=", text))
                    lists += re.findall(r'\b(LIVEDUB_[A-Z0-9_]+)\s*=\s*join\(","', text)
        # What scaling needs is not livedub-boot's.
        self.assertEqual(read, said)
        self.assertEqual(lists, [], "livedub's lists are one text with spaces")

    def test_wrong(self):
        for user_data, secrets, says in (
            ("#!/bin/sh\nrm -rf /\n", SECRETS, "line 2: want KEY=value"),
            ("PATH=/tmp\n", SECRETS, "line 1"),
            ("DEPLOY_ROLE=nod\n", SECRETS, "want node, gateway, turn"),
            (USER_DATA, {**SECRETS, "arn:c": "hush"}, "arn:c is not a JSON object"),
            (USER_DATA, {**SECRETS, "arn:c": '["hush"]'}, "arn:c is not a JSON object"),
            (USER_DATA, {**SECRETS, "arn:p": '{"username":"x"}'}, "has no password"),
            (USER_DATA, {**SECRETS, "arn:c": SECRETS["arn:c"].replace("ccc", "c\\nc")}, "LIVEDUB_CLUSTER_SECRET has a control character"),
            (USER_DATA + "DEPLOY_MEDIA_SLOTS=x\n", SECRETS, "want PORT=ARN"),
            (USER_DATA + "DEPLOY_MEDIA_SLOTS=8443=arn:s0\nDEPLOY_MEDIA_ADDRESSES=eu-west-1c=1.2.3.4\n", SECRETS, "no address of zone eu-west-1a"),
        ):
            self.imds.metadata["user-data"] = user_data
            with self.subTest(says), self.assertRaises(self.boot.Wrong) as caught:
                self.start(FakeAWS(secrets))
            self.assertIn(says, str(caught.exception))
            self.assertNotIn("hush", str(caught.exception))
        self.assertFalse(os.path.exists(os.path.join(self.boot.RUN, "livedub.env")))


if __name__ == "__main__":
    unittest.main()
