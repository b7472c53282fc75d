"""A cluster in miniature for the stand-ins: certificates by openssl, an API server that knows nodes, and its client."""

import base64
import http.client
import os
import pathlib
import ssl
import subprocess
import tempfile
from urllib.parse import urlsplit

import yaml

ETC = pathlib.Path("/etc/kubernetes")
PKI = ETC / "pki"
STATE = pathlib.Path("/var/lib/stand-in-cluster")


def openssl(*arguments, given=None):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, input=given, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode().strip()}")
    return done.stdout


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(0o600)


def sign(request, extensions):
    """The certificate for a request, by the cluster's own authority."""
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as settings:
        settings.write(extensions)
        settings.flush()
        return openssl(
            *["x509", "-req", "-days", "365", "-CA", PKI / "ca.crt", "-CAkey", PKI / "ca.key"],
            *["-extfile", settings.name],
            given=request,
        )


def issue(name, subject, extensions):
    """A P-256 key and its certificate, as <name>.key and <name>.crt of the PKI folder."""
    key, certificate = PKI / f"{name}.key", PKI / f"{name}.crt"
    write(key, openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    write(certificate, sign(openssl("req", "-new", "-key", key, "-subj", subject), extensions))
    return certificate, key


def kubeconfig(server, certificate, key):
    def data(path):
        return base64.b64encode(path.read_bytes()).decode()

    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "c", "cluster": {"server": server, "certificate-authority-data": data(PKI / "ca.crt")}}
            ],
            "users": [
                {"name": "u", "user": {"client-certificate-data": data(certificate), "client-key-data": data(key)}}
            ],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
    )


def with_client(config, certificate, key):
    """The kubeconfig of a file with another client certificate."""
    document = yaml.safe_load(pathlib.Path(config).read_text(encoding="utf-8"))
    for user in document["users"]:
        user["user"] = {
            "client-certificate-data": base64.b64encode(certificate).decode(),
            "client-key-data": base64.b64encode(key).decode(),
        }
    return yaml.safe_dump(document)


def call(config, method, path, body=None):
    """Status and text of a request with the identity of a kubeconfig; the server has to prove its own."""
    document = yaml.safe_load(pathlib.Path(config).read_text(encoding="utf-8"))
    context = next(c["context"] for c in document["contexts"] if c["name"] == document["current-context"])
    cluster = next(c["cluster"] for c in document["clusters"] if c["name"] == context["cluster"])
    user = next(u["user"] for u in document["users"] if u["name"] == context["user"])
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    trust = ssl.create_default_context(cadata=authority)
    # Go's clients, the real ones, are not as strict as Python's about key identifiers.
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with tempfile.NamedTemporaryFile(dir="/run") as chain:
        os.fchmod(chain.fileno(), 0o600)
        chain.write(base64.b64decode(user["client-certificate-data"]))
        chain.write(base64.b64decode(user["client-key-data"]))
        chain.flush()
        trust.load_cert_chain(chain.name)
    server = urlsplit(cluster["server"])
    connection = http.client.HTTPSConnection(server.hostname, server.port, context=trust, timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
