"""Addresses of the Hugging Face protocol. ``rest`` is a revision, then a path; both may hold slashes."""

from django.urls import path, re_path

from hub.protocols.huggingface import cas, lfs, login, pages, resolve, views, writes

REPO = "api/models/<str:owner>/<str:name>"
CAS = "cas/<str:place>/<int:user_id>"
urlpatterns = [
    path("api/models", views.RepoList.as_view(), name="hf-repo-list"),
    path("api/models-tags-by-type", views.TagsByType.as_view(), name="hf-tags-by-type"),
    path("oauth/device", login.DeviceStart.as_view(), name="hf-device-start"),
    path("oauth/token", login.DeviceToken.as_view(), name="hf-device-token"),
    path("api/whoami-v2", views.Whoami.as_view(), name="hf-whoami"),
    path("api/agent-harnesses", views.Harnesses.as_view(), name="hf-harnesses"),
    path("api/telemetry/<path:rest>", views.Telemetry.as_view(), name="hf-telemetry"),
    path("api/repos/create", writes.RepoCreate.as_view(), name="hf-repo-create"),
    path("api/repos/delete", writes.RepoDelete.as_view(), name="hf-repo-delete"),
    path("api/repos/move", writes.RepoMove.as_view(), name="hf-repo-move"),
    path("api/validate-yaml", writes.YamlValidate.as_view(), name="hf-yaml-validate"),
    path("api/lfs/complete/<str:ticket>", lfs.LfsComplete.as_view(), name="hf-lfs-complete"),
    path("api/lfs/verify", lfs.LfsVerify.as_view(), name="hf-lfs-verify"),
    path("<str:owner>/<str:name>.git/info/lfs/objects/batch", lfs.LfsBatch.as_view(), name="hf-lfs-batch"),
    path("api/models/<str:name>", views.NoSuchRepo.as_view(), name="hf-no-owner"),
    re_path(r"^api/(?:datasets|spaces|kernels)/(?P<rest>.+)$", views.NoSuchRepo.as_view(), name="hf-no-such-kind"),
    path(f"{CAS}/v1/chunks/<str:prefix>/<str:hash>", cas.ChunkQuery.as_view(), name="hf-chunk-query"),
    path(f"{CAS}/v1/xorb-grants/<str:prefix>/<str:hash>", cas.XorbGrant.as_view(), name="hf-xorb-grant"),
    path(
        f"{CAS}/v1/xorb-commits/<str:prefix>/<str:hash>/grant/<str:grant>",
        cas.XorbCommit.as_view(),
        name="hf-xorb-commit",
    ),
    path(f"{CAS}/v1/xorbs/<str:prefix>/<str:hash>", cas.XorbPut.as_view(), name="hf-xorb-put"),
    path(f"{CAS}/v1/shards", cas.ShardPut.as_view(), name="hf-shard-put"),
    path("<str:owner>/<str:name>/resolve/<path:rest>", resolve.FileResolve.as_view(), name="hf-file-resolve"),
    re_path(
        r"^(?:(?:datasets|spaces|kernels)/[^/]+/)?(?P<name>[^/]+)/resolve/(?P<rest>.+)$",
        views.NoSuchRepo.as_view(),
        name="hf-no-such-file",
    ),
    path(REPO, views.RepoDetail.as_view(), name="hf-repo-detail"),
    path(f"{REPO}/revision/<path:rest>", views.RepoDetail.as_view(), name="hf-repo-revision"),
    path(f"{REPO}/tree/<path:rest>", views.RepoTree.as_view(), name="hf-repo-tree"),
    path(f"{REPO}/paths-info/<path:rest>", views.PathsInfo.as_view(), name="hf-paths-info"),
    path(f"{REPO}/xet-write-token/<path:rest>", cas.WriteToken.as_view(), name="hf-write-token"),
    path(f"{REPO}/refs", views.RepoRefs.as_view(), name="hf-repo-refs"),
    path(f"{REPO}/commits/<path:rest>", views.RepoCommits.as_view(), name="hf-repo-commits"),
    path(f"{REPO}/settings", writes.RepoSettings.as_view(), name="hf-repo-settings"),
    path(f"{REPO}/preupload/<path:rest>", writes.Preupload.as_view(), name="hf-preupload"),
    path(f"{REPO}/commit/<path:rest>", writes.CommitCreate.as_view(), name="hf-commit-create"),
    path(f"{REPO}/branch/<path:rest>", writes.BranchChange.as_view(), name="hf-branch-change"),
    path(f"{REPO}/tag/<path:rest>", writes.TagChange.as_view(), name="hf-tag-change"),
    path(f"{REPO}/discussions", views.Discussions.as_view(), name="hf-discussions"),
    path(f"{REPO}/auth-check", views.AuthCheck.as_view(), name="hf-auth-check"),
    path(f"{REPO}/auth-check/<str:right>", views.AuthCheck.as_view(), name="hf-auth-check-write"),
    path("<str:owner>/<str:name>", pages.repo_page, name="hf-repo-page"),
    re_path(
        r"^(?P<owner>[^/]+)/(?P<name>[^/]+)/(?:tree|blob|commit|commits)/.+$", pages.repo_page, name="hf-repo-pages"
    ),
]
