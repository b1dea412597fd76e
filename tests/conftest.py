"""What holds for every test, and for the kernels that nbval starts from this process."""

import os

# The course promises to work without a network. Whoever tries to download meets a closed port, and fails.
for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ[variable] = "http://127.0.0.1:9"
for variable in ("no_proxy", "NO_PROXY"):
    os.environ[variable] = "localhost,127.0.0.1"

os.environ["MPLBACKEND"] = "agg"
