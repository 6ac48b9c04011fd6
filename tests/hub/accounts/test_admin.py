import msgspec
import pytest
from django.urls import reverse

from hub import queue
from hub.accounts import actions
from hub.accounts.models import Token, User
from tests.hub.accounts.conftest import PASSWORD, bearer
from workers.messages import SANDBOX_STATE, Sandbox


@pytest.fixture
def admin(client, adam):
    client.force_login(adam)
    return client


def test_it_works(admin, alice):
    assert admin.get("/admin/").status_code == 200
    assert "alice@example.org" in admin.get("/admin/accounts/user/").content.decode()
    assert admin.get(f"/admin/accounts/user/{alice.pk}/change/").status_code == 200
    assert admin.get("/admin/accounts/user/add/").status_code == 200


def test_operators_see_behind_which_walls_pickles_are_opened(admin):
    key = SANDBOX_STATE.format(host="inspect@here")
    queue.cache().delete(key)
    assert "No worker that inspects has said anything yet." in admin.get("/admin/").content.decode()
    try:
        queue.cache().set(key, msgspec.json.encode(Sandbox(walls="bubblewrap")), ex=60)
        html = admin.get("/admin/").content.decode()
        assert "inspect@here" in html
        assert "the self-test got out by no way" in html
        queue.cache().set(key, msgspec.json.encode(Sandbox(walls="", problem="does not keep in: <b>fork")), ex=60)
        html = admin.get("/admin/").content.decode()
        assert "converts no pickles" in html
        assert "does not keep in: &lt;b&gt;fork" in html
    finally:
        queue.cache().delete(key)


@pytest.mark.parametrize("who", ["alice", "mona"])
def test_only_admins(client, request, who):
    client.force_login(request.getfixturevalue(who))
    for page in ("/admin/", "/admin/login/", "/admin/accounts/user/", "/admin/accounts/token/"):
        assert client.get(page, follow=True).status_code == 403, page


def test_it_is_entered_through_our_sign_in(client, adam):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    posted = client.post("/admin/login/", {"username": "adam", "password": PASSWORD})
    assert posted.url.startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


def test_not_with_a_token(client, adam, token_of):
    assert client.get("/admin/", **bearer(token_of(adam, "admin"))).status_code == 302


def fields(user, **changes):
    return {"username": user.username, "email": user.email, "role": user.role, "is_active": "on", **changes}


def test_a_role_and_a_closed_account(admin, alice):
    address = f"/admin/accounts/user/{alice.pk}/change/"
    assert admin.post(address, fields(alice, role="moderator")).status_code == 302
    alice.refresh_from_db()
    assert alice.role == "moderator"
    without = {name: value for name, value in fields(alice).items() if name != "is_active"}
    admin.post(address, without)
    alice.refresh_from_db()
    assert not alice.is_active


def test_the_last_admin_stays(admin, adam):
    page = admin.post(f"/admin/accounts/user/{adam.pk}/change/", fields(adam, role="member"))
    assert "This is the only admin." in page.content.decode()
    adam.refresh_from_db()
    assert adam.is_admin


def test_a_person_is_added(admin):
    admin.post(
        "/admin/accounts/user/add/",
        {
            "username": "dora",
            "email": "dora@example.org",
            "password1": "a good sentence",
            "password2": "a good sentence",
        },
    )
    assert User.objects.get(username="dora").role == "member"


def test_tokens_are_revoked_not_read(admin, alice):
    row, _ = actions.token_create(user=alice, name="x", scopes=["read"])
    page = admin.get("/admin/accounts/token/").content.decode()
    assert row.start in page
    assert row.digest not in page
    admin.post("/admin/accounts/token/", {"action": "revoke", "_selected_action": [row.pk]})
    assert Token.objects.get().revoked_at
    assert admin.get("/admin/accounts/token/add/").status_code == 403
