"""Groups: several people own models together. A group is an account that nobody signs in as; who belongs to it acts for
it, as far as their role allows."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from hub.accounts.mailing import language_of
from hub.accounts.models import Membership, User
from hub.accounts.names import check_name
from hub.accounts.queries import role_in, user_by_name
from hub.catalog.listings import listing_refresh
from hub.catalog.models import Model
from hub.catalog.queries import model_mine
from hub.catalog.renames import former_name_keep
from hub.catalog.words import one_line
from hub.community.actions import Full, NameTaken, Unsaid
from hub.community.models import Notice
from hub.errors import NotAllowed, NotFound, Refused

Role = Membership.Role
MEMBERS_MOST = 200


class LastOwner(Refused):
    code, status = "last-owner", HTTPStatus.CONFLICT


class SlugTaken(Refused):
    code, status = "slug-taken", HTTPStatus.CONFLICT


@transaction.atomic
def group_create(*, by: User, name: str, about: str = "") -> User:
    """Found a group; who does owns it. Raises `Unsaid` for a name that cannot be, `NameTaken`, `Full`."""
    User.objects.select_for_update().get(pk=by.pk)
    if Membership.objects.filter(person=by, role=Role.OWNER).count() >= settings.GROUPS_EACH:
        raise Full(_("You own %s groups, which is as many as this hub keeps for one person.") % settings.GROUPS_EACH)
    name = name.strip()
    try:
        check_name(name)
    except ValidationError as wrong:
        raise Unsaid(" ".join(wrong.messages)) from wrong
    try:
        with transaction.atomic():
            group = User(username=name, email="", is_group=True, about=one_line(about, 300))
            group.set_unusable_password()
            group.save()
    except IntegrityError as taken:
        raise NameTaken(_("That name is taken.")) from taken
    Membership.objects.create(group=group, person=by, role=Role.OWNER, accepted_at=timezone.now())
    return group


def group_of(user: User, name: str) -> tuple[User, str]:
    """A group that ``user`` belongs to, and their role in it. Raises `NotFound`, for others' groups too."""
    group = user_by_name(name)
    role = role_in(user, group) if group is not None and group.is_group else ""
    if group is None or not role:
        raise NotFound(_("You belong to no group of that name."))
    return group, role


def _owned(by: User, name: str) -> User:
    group, role = group_of(by, name)
    if role != Role.OWNER:
        raise NotAllowed(_("Only its owners change who belongs to a group."))
    return group


@transaction.atomic
def group_edit(*, by: User, name: str, about: str) -> User:
    """Change what a group says of itself. Raises `NotFound`, `NotAllowed`."""
    group = _owned(by, name)
    group.about = one_line(about, 300)
    group.save(update_fields=["about"])
    return group


@transaction.atomic
def member_invite(*, by: User, name: str, person: str, role: str) -> Membership:
    """Ask somebody to join a group; they are told, and belong to it once they say yes. Raises `NotFound`, `NotAllowed`,
    `Unsaid`, `NameTaken`, `Full`."""
    group = _owned(by, name)
    if role not in Role.values:
        raise Unsaid(_("A role is one of %s.") % (", ".join(Role.values)))
    asked = user_by_name(person.strip())
    if asked is None or asked.is_group:
        raise NotFound(_("Nobody here is called %s.") % one_line(person, 60))
    if group.members.count() >= MEMBERS_MOST:
        raise Full(
            _("%(group)s has %(most)s members, which is as many as a group takes.")
            % {"group": group.username, "most": MEMBERS_MOST}
        )
    membership, made = Membership.objects.get_or_create(
        group=group, person=asked, defaults={"role": role, "invited_by": by}
    )
    if not made:
        here = membership.accepted_at is not None
        raise NameTaken((_("%s belongs to it already.") if here else _("%s was asked already.")) % asked.username)
    with translation.override(language_of(asked)):  # who is asked may read another language than who asks
        sentence = _("%(who)s asks you to join the group %(group)s as %(role)s.") % {
            "who": by.username, "group": group.username, "role": membership.get_role_display(),
        }  # fmt: skip
    address = f"/groups/{group.username}"
    Notice.objects.create(user=asked, actor=by, kind=Notice.Kind.INVITE, address=address, sentence=sentence)
    return membership


def invited(user: User, name: str) -> Membership | None:
    """The invitation of ``user`` to a group that they have not answered."""
    rows = Membership.objects.select_related("group", "invited_by")
    return rows.filter(group__username__iexact=name, person=user, accepted_at=None).first()


@transaction.atomic
def invite_answer(*, by: User, name: str, yes: bool) -> None:
    """Join a group that one was asked to join, or do not. Raises `NotFound`."""
    invitation = invited(by, name)
    if invitation is None:
        raise NotFound(_("You were not asked to join a group of that name."))
    if yes:
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
    else:
        invitation.delete()


@transaction.atomic
def member_set(*, by: User, name: str, person: str, role: str) -> None:
    """Give a member another role; empty: they belong to it no more. One may leave oneself. Raises `NotFound`,
    `NotAllowed`, `LastOwner`, `Unsaid`."""
    leaving = not role and person.lower() == by.username.lower()
    group = group_of(by, name)[0] if leaving else _owned(by, name)
    members = list(Membership.objects.select_for_update().filter(group=group).select_related("person"))
    found = next((one for one in members if one.person.username.lower() == person.lower()), None)
    if found is None:
        raise NotFound(_("They do not belong to this group."))
    owners = [one.pk for one in members if one.role == Role.OWNER and one.accepted_at]
    if owners == [found.pk] and role != Role.OWNER:
        raise LastOwner(_("A group needs an owner. Make somebody else one first."))
    if not role:
        found.delete()
    elif role in Role.values:
        found.role = role
        found.save(update_fields=["role"])
    else:
        raise Unsaid(_("A role is one of %s.") % (", ".join(Role.values)))


@transaction.atomic
def model_transfer(*, by: User, model_id: int, to: str) -> Model:
    """Give a model of one's own, or of a group that one owns, to oneself or to a group that one edits for. Its files
    count against the new owner's quota, and its old name leads to it. Raises `NotFound`, `NotAllowed`, `SlugTaken`."""
    model = model_mine(by, model_id)
    if model.owner_id != by.pk and role_in(by, model.owner) != Role.OWNER:
        raise NotAllowed(_("Only its owner gives a model away; of a group, one of its owners."))
    owner = by if to.lower() == by.username.lower() else None
    if owner is None:
        owner, role = group_of(by, to)
        if role == Role.VIEWER:
            raise NotAllowed(_("You only look on in %s.") % owner.username)
    if Model.objects.filter(owner=owner, slug__iexact=model.slug).exclude(pk=model.pk).exists():
        raise SlugTaken(
            _("%(owner)s has a model called %(model)s already. Give this one another name first.")
            % {"owner": owner.username, "model": model.slug}
        )
    if owner.pk != model.owner_id:
        former_name_keep(model=model, owner=model.owner, slug=model.slug)
    Model.objects.filter(pk=model.pk).update(owner=owner)
    model.owner = owner
    listing_refresh(model)
    return model
