"""A company's mirror: what pip is told of index and certificate reaches uv, in set-up and for the layers."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from uv import find_uv_bin

from infra import package_index
from infra.functions import layers
from infra.functions.packaging import PackagingError

ROOT = Path(__file__).parents[2]
NAME = "ladder-probe"
WHEEL = "ladder_probe-1.0-py3-none-any.whl"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate of 127.0.0.1, which signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the company")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "company.pem"
    unencrypted = serialization.NoEncryption()
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    )
    return path


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[str]:
    """The address of a package index with one small wheel; only `certificate` vouches for it."""
    folder = tmp_path_factory.mktemp("index")
    project = folder / "simple" / NAME
    project.mkdir(parents=True)
    write_wheel(project / WHEEL)
    (project / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def write_wheel(path: Path) -> None:
    """Write the same bytes whenever it is called: the requirement file names their hash."""
    info = "ladder_probe-1.0.dist-info"
    files = {
        "ladder_probe.py": "ANSWER = 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}"
        for name, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """The environment of a new account: no configuration, no cache, no proxy, and nothing of this shell."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
        "NO_PROXY": "127.0.0.1",
    }


def pip_conf(folder: Path, text: str) -> dict[str, str]:
    """Write a configuration. It is read after this machine's own, and an empty value takes one of those back."""
    (folder / "pip.conf").write_text(text)
    return {"PIP_CONFIG_FILE": str(folder / "pip.conf")}


def install(environment: dict[str, str], folder: Path, *through: str) -> subprocess.CompletedProcess[str]:
    command = [*through, find_uv_bin(), "pip", "install", "--target", str(folder), NAME]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


#: As set-up does it.
THROUGH = (sys.executable, "-m", "infra.package_index")


@pytest.mark.parametrize("told", ["variables", "pip.conf", "another index", "certificate of the shell"])
def test_uv_installs_from_the_index_that_pip_is_told(
    told: str, index: str, certificate: Path, clean: dict[str, str], tmp_path: Path
) -> None:
    settings = {
        "variables": {"PIP_INDEX_URL": index, "PIP_CERT": str(certificate)},
        "pip.conf": pip_conf(
            tmp_path, f"[global]\nindex-url = {index}\nextra-index-url =\nproxy =\n[install]\ncert = {certificate}\n"
        ),
        "another index": {"PIP_INDEX_URL": f"{index}/none", "PIP_EXTRA_INDEX_URL": index, "PIP_CERT": str(certificate)},
        "certificate of the shell": {"PIP_INDEX_URL": index, "SSL_CERT_FILE": str(certificate)},
    }[told]
    done = install(clean | settings, tmp_path / "site", *THROUGH)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f" + {NAME}==1.0")
    assert (tmp_path / "site" / "ladder_probe.py").is_file()


def test_an_index_without_a_certificate_that_is_trusted_is_refused(
    index: str, clean: dict[str, str], tmp_path: Path
) -> None:
    done = install(clean | {"PIP_INDEX_URL": index}, tmp_path / "site", *THROUGH)
    assert done.returncode != 0
    assert "invalid peer certificate" in done.stderr


def test_what_uv_is_told_itself_stays(clean: dict[str, str]) -> None:
    own = {"UV_DEFAULT_INDEX": "https://own.example/simple", "UV_SYSTEM_CERTS": "false"}
    got = package_index.environment(clean | own | {"PIP_INDEX_URL": "https://pip.example/simple"})
    assert own.items() <= got.items()


def test_later_settings_of_pip_win_and_lists_are_one_line(clean: dict[str, str], tmp_path: Path) -> None:
    conf = (
        "[global]\nproxy = a:1\nextra-index-url =\n  https://a.example\n  https://b.example\n[install]\nproxy = b:2\n"
    )
    settings = clean | pip_conf(tmp_path, conf)
    got = package_index.environment(settings)
    assert (got["HTTPS_PROXY"], got["UV_INDEX"]) == ("b:2", "https://a.example https://b.example")
    assert package_index.environment(settings | {"PIP_PROXY": "c:3"})["HTTPS_PROXY"] == "c:3"


def test_a_broken_pip_conf_is_told_in_one_line(clean: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*THROUGH, "true"], cwd=ROOT, env=clean | pip_conf(tmp_path, "index-url = x\n"), capture_output=True, text=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: pip's configuration: ")
    assert str(tmp_path / "pip.conf") in line


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> layers.LayerRecipe:
    """A layer of the wheel that the index has."""
    write_wheel(tmp_path / WHEEL)
    pinned = hashlib.sha256((tmp_path / WHEEL).read_bytes()).hexdigest()
    (tmp_path / "probe.txt").write_text(f"{NAME}==1.0 --hash=sha256:{pinned}\n")
    monkeypatch.setattr(layers, "REQUIREMENTS", tmp_path)
    return layers.LayerRecipe(name="probe")


@pytest.mark.parametrize("target", ["arm64", "host"])
def test_a_layer_is_fetched_from_the_index_that_pip_is_told(
    target: layers.LayerPlatform,
    probe: layers.LayerRecipe,
    index: str,
    certificate: Path,
    clean: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = tmp_path / "build"
    with pytest.raises(PackagingError, match=rf"^layer probe for {target} is not in .*; run `make layers-{target}`$"):
        layers.find(probe, target, cache=cache)
    for name in set(os.environ) - set(clean):
        monkeypatch.delenv(name)
    for name, value in {**clean, "PIP_INDEX_URL": index, "PIP_CERT": str(certificate)}.items():
        monkeypatch.setenv(name, value)
    folder = layers.build(probe, target, cache=cache)
    assert (folder / "python" / "ladder_probe.py").is_file()
    assert layers.find(probe, target, cache=cache) == folder
    with (tmp_path / "probe.txt").open("a") as requirements:
        requirements.write("# changed\n")
    with pytest.raises(PackagingError, match="is not in"):
        layers.find(probe, target, cache=cache)
