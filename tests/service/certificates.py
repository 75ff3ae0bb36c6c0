"""Certificates made by openssl: authorities of our own, what they vouch for, and what is over."""

import subprocess
from pathlib import Path

from tests.tools import require_tool

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
TOMORROW = ("-days", "2")


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in `folder`."""
    command = [require_tool("openssl"), *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> Path:
    """A certificate authority: its certificate."""
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem", *TOMORROW)
    openssl(folder, "req", "-x509", *KEY, "-subj", f"/CN={name}", *files)
    return folder / f"{name}.pem"


def certificate(folder: Path, name: str, by: str, *, expired: bool = False) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file, as the authority `by` makes it."""
    openssl(folder, "req", *KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr")  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    if expired:
        _sign_long_ago(folder, name, by)
    else:
        signer = ("-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, "-extfile", "names",
                *TOMORROW, "-out", f"{name}.crt")  # fmt: skip
    both = folder / f"{name}.pem"
    both.write_bytes((folder / f"{name}.crt").read_bytes() + (folder / f"{name}.key").read_bytes())
    return both


def _sign_long_ago(folder: Path, name: str, by: str) -> None:
    """`openssl x509` cannot set a past end before OpenSSL 3.4; `openssl ca` always could."""
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index\nserial=serial\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
    )
    openssl(folder, "ca", "-batch", "-config", "ca.conf", "-cert", f"{by}.pem", "-keyfile",
            f"{by}.key", "-in", f"{name}.csr", "-out", f"{name}.crt", "-notext", "-extfile",
            "names", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")  # fmt: skip
