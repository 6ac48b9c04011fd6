"""Addresses that programs for Civitai open for people: each leads to the page that has it here."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


def picture_page(request: HttpRequest, picture_id: int) -> HttpResponse:
    """``/images/7``, and ``/posts/7``: a picture here is a post of its own."""
    return redirect("gallery:picture-detail", picture_id)


def person_page(request: HttpRequest, name: str) -> HttpResponse:
    """``/user/ada``; ``/user/account`` is where tokens are made."""
    return redirect("accounts:token-list") if name == "account" else redirect("accounts:user-detail", name)


def sign_in_page(request: HttpRequest) -> HttpResponse:
    """``/login?returnUrl=…``; where that leads elsewhere, the sign-in page itself ignores it."""
    wanted = request.GET.get("returnUrl", "")
    return redirect(reverse("account_login") + (f"?{urlencode({'next': wanted})}" if wanted else ""))
