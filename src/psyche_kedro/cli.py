"""The project's own commands; each module is imported when its command is called."""

from kedro.framework.cli.utils import LazyGroup

cli = LazyGroup(
    name="psyche_kedro",
    lazy_subcommands={
        "compare": "psyche_kedro.commands.compare.compare",
        "agreement": "psyche_kedro.commands.agreement.agreement",
        "audit": "psyche_kedro.commands.audit.audit_command",
        "estimate": "psyche_kedro.commands.estimate.estimate_command",
        "parity": "psyche_kedro.commands.parity.parity",
        "partitions": "psyche_kedro.commands.partitions.partitions",
        "replies": "psyche_kedro.commands.replies.replies",
        "run": "psyche_kedro.commands.run.run",
        "status": "psyche_kedro.commands.status.status",
        "trace": "psyche_kedro.commands.trace.trace",
    },
)
