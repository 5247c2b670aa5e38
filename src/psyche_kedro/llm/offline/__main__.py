"""``python -m psyche_kedro.llm.offline --port 8000``: the brain over HTTP."""

from psyche_kedro.llm.offline.server import main

if __name__ == "__main__":
    main()
