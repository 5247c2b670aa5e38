"""Every endpoint is asked once before the first node."""

import logging
from collections.abc import Iterator

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from psyche_kedro.errors import ChatModelError
from psyche_kedro.hooks.configuration_check import free_datasets
from psyche_kedro.llm.openai.endpoints import Contact, Faults
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.llm.store.upkeep import holds_any

_LOG = logging.getLogger(__name__)


class EndpointCheck:
    """Stops a run whose models would not answer, before its first node.

    A model with replies in the store has answered before, and the run may need no more
    of it: its fault is a warning, as is that of one endpoint among several.
    """

    # First: what stops here shall leave no run in MLflow, which would call it finished.
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Ask every endpoint for its models.

        Raises:
            ChatModelError: If no endpoint of a model would answer.
        """
        contacts = list(dict.fromkeys(_contacts(pipeline, catalog)))
        if not contacts:
            return
        from psyche_kedro.llm.openai.first_contact import find_faults  # noqa: PLC0415

        # What the store may answer is not waited for.
        faults = find_faults(contact._replace(waits=0.0) for contact in contacts)
        lost = [one for one in contacts if _is_lost(one, faults)]
        if waited := find_faults(lost):
            raise ChatModelError(" ".join(dict.fromkeys(waited.values())))
        for sentence in dict.fromkeys(faults.values()):
            _LOG.warning("%s", sentence)


def _is_lost(contact: Contact, faults: Faults) -> bool:
    at_each = [(endpoint, contact.model) in faults for endpoint in contact.endpoints]
    return all(at_each) and not _has_replies(contact)


def _contacts(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[Contact]:
    for _, dataset in free_datasets(pipeline, catalog):
        if hasattr(dataset, "contacts"):
            yield from dataset.contacts()


def _has_replies(contact: Contact) -> bool:
    if not contact.store.exists():
        return False
    with ReplyStore(contact.store).open() as session:
        return holds_any(session, contact.model)
