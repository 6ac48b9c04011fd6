"""Tokens as JSON: from a session, or with a token of the scope ``admin``."""

from django.utils.cache import patch_cache_control
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts import actions, queries
from hub.accounts.permissions import person
from hub.accounts.serializers import TokenCreateInput, TokenCreateOutput, TokenListOutput, TokenOutput


class TokenList(APIView):
    """Your API tokens."""

    scope = "admin"

    @extend_schema(operation_id="token-list", tags=["tokens"], responses=TokenListOutput)
    def get(self, request: Request) -> Response:
        """Your tokens, newest first. The tokens themselves are not kept, only how they start."""
        return Response({"items": TokenOutput(queries.token_list(person(request)), many=True).data})

    @extend_schema(
        operation_id="token-create", tags=["tokens"], request=TokenCreateInput, responses={201: TokenCreateOutput}
    )
    def post(self, request: Request) -> Response:
        """Make a token. This answer is the only place where it is ever shown."""
        wanted = TokenCreateInput.checked(request.data)
        row, token = actions.token_create(user=person(request), **wanted)
        response = Response({**TokenOutput(row).data, "token": token}, status=201)
        patch_cache_control(response, no_store=True)
        return response


class TokenRevoke(APIView):
    """One of your API tokens."""

    scope = "admin"

    @extend_schema(operation_id="token-revoke", tags=["tokens"], responses={204: None})
    def delete(self, request: Request, id: int) -> Response:
        """Revoke a token: it stops working with the next request."""
        actions.token_revoke(user=person(request), id=id)
        return Response(status=204)
