"""``manage.py import_folder PATH``: a folder of weights, as A1111 or ComfyUI keeps it, into the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.accounts.models import User
from hub.catalog.models import Version
from hub.errors import Refused
from hub.imports import folders, local
from hub.imports.folders import Found
from hub.imports.terminal import Line
from hub.templatetags.weightroom import size


class Command(BaseCommand):
    help = (
        "Import every file of weights below a folder, A1111's or ComfyUI's, in the name of a person. What is here "
        "already is left alone; run it again to go on where it was interrupted. The hub must be running."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--owner", required=True, help="whose models they become: a user's name")
        parser.add_argument(
            "--server", default="", help="ask this server whose file each is, by its hash: https://civitai.com"
        )
        parser.add_argument(
            "--publish", action="store_true", help="publish what is accepted; else only its owner sees it"
        )

    def handle(self, *args: Any, folder: Path, owner: str, server: str, publish: bool, **options: Any) -> None:
        person = User.objects.filter(username__iexact=owner).first()
        if person is None:
            raise CommandError(f"There is nobody called {owner} here.")
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        all_of_it, lost = list(folders.found(folder)), 0
        self.stdout.write(f"{len(all_of_it)} files of weights in {folder}.")
        for number, found in enumerate(all_of_it, 1):
            line = Line(self.stdout._out, f"{number}/{len(all_of_it)} {found.path.relative_to(folder)}")
            try:
                line.end(self._import(person, found, server, publish, line))
            except (Refused, OSError) as error:
                lost += 1
                line.end(f"not imported: {error}")
        if lost:
            raise CommandError(f"{lost} of {len(all_of_it)} files were not imported; run it again to try those.")

    def _import(self, owner: User, found: Found, server: str, publish: bool, line: Line) -> str:
        sha256 = folders.sha256_of(found.path, lambda done: line.bar("hashing", done, found.size))
        if same := local.here_already(owner, sha256):
            self._preview(owner, found, same.version)
            return f"here already: {same.version.model.name}, {same.version.name}"
        version = None
        if server:
            line.say(f"asking {server}")
            version = local.version_for(owner, sha256, server, publish)
        upload = local.send(owner, found, sha256, version, publish, lambda done: line.bar("sending", done, found.size))
        line.say("being checked")
        upload = local.waited(upload)
        if upload.status != upload.Status.ACCEPTED or upload.version is None:
            said = [finding["sentence"] for finding in upload.findings if finding["severity"] == "danger"]
            raise Refused(f"{upload.get_status_display()}. {' '.join(said)}".strip())
        self._preview(owner, found, upload.version)
        by = f", as {server} knows it" if version else ""
        return f"{upload.version.model.name}, {upload.version.name} ({size(found.size)}){by}"

    def _preview(self, owner: User, found: Found, version: Version) -> None:
        if found.preview is not None:
            local.preview_send(owner, found.preview, version)
