"""The people of every story: Alice owns it, Bob helps, Charlie must not see it. Mona moderates, Adam runs the hub."""

from hub.accounts.models import User


def person(name: str, **fields) -> User:
    user, made = User.objects.get_or_create(username=name, defaults={"email": f"{name.lower()}@example.org", **fields})
    if made:
        user.set_password("correct horse battery")
        user.save()
    return user


def alice() -> User:
    return person("alice")


def bob() -> User:
    return person("bob")


def charlie() -> User:
    return person("charlie")


def mona() -> User:
    return person("mona", role=User.Role.MODERATOR)


def adam() -> User:
    return person("adam", role=User.Role.ADMIN, is_staff=True, is_superuser=True)
