"""``python -m psyche_kedro.offline --port 8000``: the brain over HTTP."""

from psyche_kedro.offline.server import main

if __name__ == "__main__":
    main()
