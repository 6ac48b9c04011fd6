"""An import that has ended tells its owner: it may have taken an hour, and nobody waits beside it."""

from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

from hub.accounts.mailing import language_of
from hub.community.models import Notice
from hub.imports import queries, words
from hub.imports.models import Import

ENDED = (Import.Status.DONE, Import.Status.FAILED)


def import_ended(id: UUID | str) -> None:
    """Notify the owner of an import that is done or failed, in their language. A shelf's models are told of with it;
    an import from a folder is told of in the terminal that began it."""
    imported = Import.objects.select_related("owner").filter(pk=id, parent=None, local=False, status__in=ENDED).first()
    if imported is None:
        return
    told = queries.import_list(imported.owner).get(pk=id)
    with translation.override(language_of(imported.owner)):
        rows = [words.row_of(item, None) for item in told.items.all()]
        name = told.model.name if told.model else told.link
        if told.status == Import.Status.DONE:
            sentence = _("Your import of “%(what)s” has ended. %(how)s")
        else:
            sentence = _("Your import of “%(what)s” did not work. %(how)s")
        said = sentence % {"what": name[:120], "how": words.summary(told, rows)}
    Notice.objects.create(
        user=imported.owner, kind=Notice.Kind.IMPORT, sentence=said[:700], address=f"/import#import-{id}"
    )
