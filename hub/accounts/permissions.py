from rest_framework.permissions import BasePermission


class ScopeAllows(BasePermission):
    pass
