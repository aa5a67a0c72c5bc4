"""Prints the configuration that livedub-boot writes for a TURN server at ADDRESS, which relays to ADDRESS alone.

turn_conf.py LIVEDUB-BOOT ADDRESS PORT SECRET FOLDER
"""
import importlib.machinery
import importlib.util
import json
import sys

path, address, port, secret, folder = sys.argv[1:]
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("boot", path)
boot = importlib.util.module_from_spec(importlib.util.spec_from_loader("boot", loader))
loader.exec_module(boot)
boot.TURN_PORT, boot.TURN_RUN = int(port), folder


class Instance:
    def get(self, path):
        return {"meta-data/local-ipv4": address}[path]


class Manager:
    def get_secret_value(self, SecretId):
        return {"SecretString": json.dumps({"turn_secret": secret})}


given = {"DEPLOY_TURN_HOST": "turn.example.net", "DEPLOY_TURN_SECRET_ARN": "arn", "DEPLOY_TURN_PEERS": address + "/32"}
print(boot.turn_settings(Instance(), given, Manager()), end="")
