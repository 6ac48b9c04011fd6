import pytest

from hub.accounts import actions
from hub.accounts.models import User
from hub.errors import Refused


def test_it_works(alice, adam):
    actions.role_set(user=alice, role="moderator", by=adam)
    alice.refresh_from_db()
    assert (alice.role, alice.is_moderator, alice.is_admin, alice.is_staff) == ("moderator", True, False, False)


def test_djangos_flags_follow(alice, adam):
    actions.role_set(user=alice, role="admin", by=adam)
    alice.refresh_from_db()
    assert alice.is_staff
    assert alice.is_superuser
    actions.role_set(user=alice, role="member", by=None)
    alice.refresh_from_db()
    assert not alice.is_staff
    assert not alice.is_superuser


def test_flags_cannot_be_had_without_the_role(alice):
    alice.is_staff = alice.is_superuser = True
    alice.save()
    alice.refresh_from_db()
    assert not alice.is_staff
    assert not alice.is_superuser


@pytest.mark.parametrize("who", ["alice", "mona"])
def test_only_admins(request, bob, who):
    with pytest.raises(actions.RoleNotYours):
        actions.role_set(user=bob, role="moderator", by=request.getfixturevalue(who))
    bob.refresh_from_db()
    assert bob.role == "member"


def test_no_other_roles(alice, adam):
    with pytest.raises(Refused, match="There is no role 'king'"):
        actions.role_set(user=alice, role="king", by=adam)


def test_the_last_admin_stays(alice, adam):
    with pytest.raises(actions.LastAdmin):
        actions.role_set(user=adam, role="member", by=adam)
    actions.role_set(user=alice, role="admin", by=adam)
    actions.role_set(user=adam, role="member", by=adam)
    assert User.objects.filter(role="admin").get() == alice


def test_a_closed_admin_is_none(adam):
    adam.is_active = False
    assert not adam.is_admin
    assert not adam.is_moderator


def test_createsuperuser_makes_an_admin(db):
    assert User.objects.create_superuser("root1", "r@example.org", "x").is_admin
