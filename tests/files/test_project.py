"""What a run was made of is told wherever it runs."""

import subprocess

import pytest

from psyche_kedro.files import project


@pytest.mark.parametrize("fault", [FileNotFoundError("git"), PermissionError("git")])
def test_a_machine_without_git_is_no_checkout(monkeypatch, fault):
    def run(*_, **__):
        raise fault

    monkeypatch.setattr(subprocess, "run", run)
    assert project.git_commit() == "not a git checkout"


def test_what_git_says_in_another_encoding_is_not_read(monkeypatch, tmp_path):
    git = tmp_path / "git"
    git.write_bytes(b"#!/bin/sh\nprintf '\\326\\302\\303\\374' >&2\nexit 128\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert project.git_commit() == "not a git checkout"
