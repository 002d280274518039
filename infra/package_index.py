"""Run a command with pip's package index, certificates and proxy told to uv and npm too.

`python -m infra.package_index .venv/bin/uv pip install ...`

pip reads them from pip.conf and from `PIP_*` variables. uv and npm do not, so that a company's mirror or its proxy
would serve pip alone. Needs nothing but the standard library and pip: set-up starts with it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping

from infra.functions.packaging import PackagingError

#: pip's option -> the variables that tell uv and npm the same.
VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX",),
    "extra-index-url": ("UV_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTPS_PROXY", "HTTP_PROXY"),
}
#: Every one names a file with the certificates to trust; requests, in pip, lets the first one overrule pip.conf.
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
#: A line of `pip config list`: `global.index-url='https://...'`; `:env:` stands for a `PIP_*` variable.
_SETTING = re.compile(r"^(?P<section>global|install|:env:)\.(?P<option>[a-z-]+)=(?P<value>['\"].*)$", re.MULTILINE)
_SECTIONS = ("global", "install", ":env:")


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return `base` with the variables that make uv and npm use what pip uses; what they are told themselves stays.

    Raises:
        PackagingError: pip cannot read its configuration.
    """
    pip = pip_settings(base)
    told = {name: pip[option] for option, names in VARIABLES.items() if option in pip for name in names}
    # As pip does: of all indexes, the best version. And uv brings certificates of its own unless told otherwise.
    env = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true"} | told | dict(base)
    certificates = next(filter(None, [pip.get("cert"), *(base.get(name) for name in CERTIFICATES)]), None)
    if certificates:
        env = {"NODE_EXTRA_CA_CERTS": certificates} | env | dict.fromkeys(("PIP_CERT", *CERTIFICATES), certificates)
    return env


def pip_settings(base: Mapping[str, str]) -> dict[str, str]:
    """Return what pip has been told for an installation: option -> value, several values with a space between."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, env=base, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-300:]
        raise PackagingError(f"pip's configuration: {said}; `pip config debug` shows where it comes from")
    found = sorted(_SETTING.finditer(done.stdout), key=lambda match: _SECTIONS.index(match["section"]))
    values = {match["option"]: " ".join(str(ast.literal_eval(match["value"])).split()) for match in found}
    return {option: value for option, value in values.items() if value}


def main() -> None:
    command = sys.argv[1:]
    try:
        os.execvpe(command[0], command, environment(os.environ))  # noqa: S606  (the point of this module)
    except PackagingError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
